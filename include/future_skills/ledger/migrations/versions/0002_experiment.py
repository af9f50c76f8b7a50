"""Experiments."""

from alembic import op

from future_skills.config import read_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create their table."""
    op.get_bind().connection.cursor().execute(read_sql("ledger_experiment"))


def downgrade() -> None:
    """Refuse: the ledger is the audit record."""
    raise NotImplementedError("The ledger is never downgraded: restore a backup instead.")
