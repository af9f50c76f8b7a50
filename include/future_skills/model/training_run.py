"""A row of the HR application's future_skills_trainingrun for each version."""

import json
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import execute, fetch_value
from future_skills.ledger.versions import VersionRow


def record_training_run(connection: Connection, version: VersionRow, metrics: dict[str, Any]) -> None:
    """Insert the version's row once, in the caller's transaction.

    `model_path` is the store URI: the application deletes files named there by a bare path after 30 days.
    Estimators without trees give 0 for `n_estimators`, which the application wants as a number.
    """
    if fetch_value(
        connection, "SELECT 1 FROM public.future_skills_trainingrun WHERE model_version = %s LIMIT 1", (version.version,)
    ):
        return
    overall, per_class = metrics["overall"], metrics["per_class"]
    support = sum(values["support"] for values in per_class.values()) or 1
    weighted = {
        name: sum(values[name] * values["support"] for values in per_class.values()) / support for name in ("precision", "recall")
    }
    rows = version.facts["rows"]
    note = "" if metrics["accuracy_known"] else "Agreement with the rules, accuracy unknown. "
    execute(
        connection,
        read_sql("training_run"),
        {
            "run_date": version.created_at,
            "model_version": version.version,
            "model_path": _uri(version.artifacts["served"].uri),
            "dataset_path": version.dataset_id,
            "test_split": 0.2 if metrics["population"] == "holdout" else 0.0,
            "n_estimators": int(version.parameters.get("n_estimators", 200 if version.estimator == "random_forest" else 0)),
            "random_state": version.facts["random_state"],
            "accuracy": overall["accuracy"]["value"] or 0.0,
            "precision": weighted["precision"],
            "recall": weighted["recall"],
            "f1_score": overall["weighted_f1"]["value"] or 0.0,
            "total_samples": rows["decided"] + rows["implicit"],
            "train_samples": version.facts["training_rows"],
            "test_samples": metrics["rows"],
            "training_duration_seconds": version.facts["fit_seconds"],
            "per_class_metrics": json.dumps(
                {level: {"accuracy": values["recall"], "support": int(values["support"])} for level, values in per_class.items()}
            ),
            "features_used": json.dumps(version.facts["features"]),
            "notes": f"{note}Measured on unseen job roles ({metrics['population']}); baselines are in the model's JSON file.",
            "hyperparameters": json.dumps(
                {"estimator": version.estimator, "preprocessing": version.preprocessing, **version.parameters}
            ),
        },
    )


def _uri(path: str) -> str:
    return path if "://" in path else f"file://{path}"
