"""The ledger: the schema future_skills_ops beside the HR tables. One module per group of tables; each function takes a connection."""
