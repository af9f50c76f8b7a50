"""All tables of the ledger."""

from alembic import op

from future_skills.config import read_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables, in the schema that must exist already."""
    op.get_bind().connection.cursor().execute(read_sql("ledger"))  # the driver's own: the SQL has per cent signs


def downgrade() -> None:
    """Refuse: the ledger is the audit record."""
    raise NotImplementedError("The ledger is never downgraded: restore a backup instead.")
