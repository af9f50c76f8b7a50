"""What only Airflow needs, shared by the DAGs: assets, tags, roles, callbacks, connections."""
