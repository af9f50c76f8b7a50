"""Mails with pictures, pauses and an end."""

from alembic import op

from future_skills.config import read_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns to the outbox."""
    op.get_bind().connection.cursor().execute(read_sql("ledger_outbox"))


def downgrade() -> None:
    """Refuse: the ledger is the audit record."""
    raise NotImplementedError("The ledger is never downgraded: restore a backup instead.")
