"""Alembic's entry: runs the ledger's migrations on the connection that `ledger.migrate` hands over."""

from alembic import context

from future_skills.domain import LEDGER_SCHEMA

context.configure(connection=context.config.attributes["connection"], version_table_schema=LEDGER_SCHEMA)
with context.begin_transaction():
    context.run_migrations()
