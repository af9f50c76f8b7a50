"""The dashboard inside Airflow: a FastAPI application that reads the ledger and the predictions, and changes nothing."""
