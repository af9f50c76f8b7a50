"""Which skills will each job role need? The product's logic: no Airflow import in here."""
