"""Companies for tests."""

from psycopg2.extensions import connection as Connection

from future_skills.hr.demo import generate_company
from future_skills.hr.loader import LoadSummary, load_company


def load_demo(connection: Connection, **sizes: int) -> LoadSummary:
    """Load the generated company; `sizes` are those of `generate_company`."""
    return load_company(connection, generate_company(**{"employees": 300, **sizes}))
