"""The ledger: the schema future_skills_ops beside the HR tables, one module per group of tables."""
