"""Refusals of the drift DAG."""

from alembic import op

from future_skills.config import read_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Allow their action."""
    op.get_bind().connection.cursor().execute(read_sql("ledger_refused_drift"))


def downgrade() -> None:
    """Refuse: the ledger is the audit record."""
    raise NotImplementedError("The ledger is never downgraded: restore a backup instead.")
