"""Decisions that predictions are measured on, and their measures per week."""

from alembic import op

from future_skills.config import read_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create their table, and key the measures by week."""
    op.get_bind().connection.cursor().execute(read_sql("ledger_realised"))


def downgrade() -> None:
    """Refuse: the ledger is the audit record."""
    raise NotImplementedError("The ledger is never downgraded: restore a backup instead.")
