"""MODEL_REGISTRY.md: the ledger for people, newest first; rendered, never parsed."""

from psycopg2.extensions import connection as Connection

from future_skills.database import fetch_rows
from future_skills.ledger.training_default import chosen_default
from future_skills.ledger.versions import champion, list_versions, newest_evaluation
from future_skills.model.libraries import deployable_here
from future_skills.registry.approvals import request_of_version
from future_skills.registry.card import write_cards
from future_skills.registry.markdown import markdown_environment
from future_skills.registry.pointer import named_version
from future_skills.store.artifacts import Store

NAME = "MODEL_REGISTRY.md"


def render_registry(connection: Connection, pointer: str | None = None) -> str:
    """The page as Markdown: champion, versions with metrics beside their baselines, deployments.

    `pointer` is the version that the HR application's pointer names, where there is one.
    """
    versions = [
        {
            "row": version,
            "evaluation": newest_evaluation(connection, version.version),
            "request": request_of_version(connection, version.version),
            "deployable": deployable_here(version.estimator, version.libraries),
        }
        for version in list_versions(connection)
    ]
    deployments = fetch_rows(connection, "SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id DESC")
    return (
        markdown_environment()
        .get_template("registry.md.j2")
        .render(
            champion=champion(connection),
            versions=versions,
            deployments=deployments,
            chosen_default=chosen_default(connection),
            pointer=pointer,
        )
    )


def write_registry(connection: Connection, store: Store) -> str:
    """Render the page, and the cards of the versions it changed for, into the store; returns the page's URI."""
    write_cards(connection, store)
    return store.replace(NAME, render_registry(connection, named_version(store)).encode())
