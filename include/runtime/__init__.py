"""The local runtime behind `make run`: embedded PostgreSQL, the four Airflow processes, one chain, its report."""
