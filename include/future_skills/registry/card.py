"""The model card of a version, rendered from the ledger: what it is for, what it was made of, what is known of its worth."""

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_rows
from future_skills.domain import LEVELS
from future_skills.registry.markdown import markdown_environment
from future_skills.registry.story import tell_version
from future_skills.store.artifacts import Store

RECENT = 5
"""Evaluations, approval events and deployments whose versions' cards are rendered again: what a card tells changes by
these alone, and each of them is followed by a rendering."""
LABELS = {
    "hr_decision": "the priority levels HR decided for this horizon",
    "hr_decision_any_horizon": "the priority levels HR decided for any horizon, the newest of each pair: too few are of this one",
    "bootstrap": "none of HR's: it has decided too few pairs, so that the rule formula stands in",
}


def render_card(connection: Connection, version: str) -> str:
    """The card as Markdown, in the caller's transaction. Raises UnknownVersionError."""
    story = tell_version(connection, version)
    template = markdown_environment().get_template("model_card.md.j2")
    metrics = story.evaluation.metrics if story.evaluation else None
    return template.render(story=story, version=story.version, metrics=metrics, labels=LABELS, levels=LEVELS)


def write_cards(connection: Connection, store: Store) -> None:
    """Render the cards of the versions something has lately happened to, each beside its model, replacing an older card."""
    for row in fetch_rows(connection, read_sql("recent_versions"), {"recent": RECENT}):
        card = render_card(connection, row["version"])
        store.replace(f"models/future_skills_model_{row['version']}.md", card.encode())
