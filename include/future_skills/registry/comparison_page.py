"""MODEL_COMPARISON.md: the newest experiment for people; rendered from the ledger, never parsed."""

from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.ledger.experiments import ExperimentRow, newest_experiment
from future_skills.ledger.training_default import chosen_default
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.recommendation import RULE, dependencies, interpretability
from future_skills.registry.markdown import markdown_environment
from future_skills.store.artifacts import Store

NAME = "MODEL_COMPARISON.md"


def table_rows(experiment: ExperimentRow) -> list[dict[str, Any]]:
    """The contenders with what the table says beside their figures, the best AP(HIGH) first, the unmeasured last."""
    rows = [
        {
            **contender,
            "interpretability": interpretability(contender["estimator"]),
            "dependencies": dependencies(contender["estimator"], contender["feature_set"]),
            "loadable": loadable_by_hr(contender["estimator"], contender["feature_set"]),
            "recommended": number == experiment.recommendation["contender"],
        }
        for number, contender in enumerate(experiment.contenders)
    ]
    return sorted(rows, key=lambda row: -row["measures"]["ap_high"]["value"] if row["measures"] else 1.0)


def training_rows(experiment: ExperimentRow) -> dict[str, int]:
    """How many training rows there were (`rows_there`), and how many of them a fit took (`fitted`)."""
    there = experiment.facts["decided"] + experiment.facts["implicit"]
    return {"rows_there": there, "fitted": min(there, experiment.facts.get("maximum_rows") or there)}


def render_comparison(connection: Connection) -> str:
    """The page as Markdown: the newest experiment, or that there is none; and what the next trainings use."""
    experiment = newest_experiment(connection)
    return (
        markdown_environment()
        .get_template("comparison.md.j2")
        .render(
            experiment=experiment,
            rows=table_rows(experiment) if experiment else [],
            chosen=chosen_default(connection),
            rule=RULE,
            **(training_rows(experiment) if experiment else {}),
        )
    )


def write_comparison(connection: Connection, store: Store) -> str:
    """Render the page into the store; returns its URI."""
    with connection:
        page = render_comparison(connection)
    return store.replace(NAME, page.encode())
