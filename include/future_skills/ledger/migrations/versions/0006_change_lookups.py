"""Lookups in the changes of predictions."""

from alembic import op

from future_skills.config import read_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create their indexes."""
    op.get_bind().connection.cursor().execute(read_sql("ledger_change_lookups"))


def downgrade() -> None:
    """Refuse: the ledger is the audit record."""
    raise NotImplementedError("The ledger is never downgraded: restore a backup instead.")
