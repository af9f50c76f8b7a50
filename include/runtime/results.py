"""What came of a run, in a few lines that a person can use: read through the API, with the caller's rights."""

import os
from collections.abc import Callable
from typing import Any

from future_skills.config import Settings
from future_skills.registry.comparison_page import NAME
from future_skills.store.artifacts import Store
from orchestration.links import run_link, task_link
from runtime.airflow_api import AirflowApi
from runtime.caller import Login
from runtime.following import CommandError
from runtime.options import RunOptions

Run = dict[str, Any]


def _succeeded(api: AirflowApi, run: Run) -> set[str]:
    return {one["task_id"] for one in api.task_instances(run) if one["state"] == "success"}


def _link(address: str, run: Run, task_id: str) -> str:
    return task_link(address, run["dag_id"], run["dag_run_id"], task_id)


def retrained(api: AirflowApi, address: str, run: Run) -> list[str]:
    """The dataset, the version, and what the gate decided."""
    dataset, version, done = api.xcom(run, "validate"), api.xcom(run, "train"), _succeeded(api, run)
    if version is None:
        return [f"dataset {dataset}: no training is due (TRAINING_CADENCE). {_link(address, run, 'train')}"]
    lines = [f"version {version}, on dataset {dataset}; its figures: make model-card VERSION={version}"]
    if "register_candidate" in done:
        lines.append(f"gate: {version} may become the deployed one; {api.xcom(run, 'register_candidate')} asks an HR manager:")
        return [*lines, f"  {address}/required_actions"]
    verdict = next((task_id for task_id in ("keep", "investigate") if task_id in done), "gate")
    return [*lines, f"gate: {verdict}. {api.xcom(run, verdict) or ''}".rstrip(), f"  {_link(address, run, verdict)}"]


def exported(api: AirflowApi, address: str, run: Run) -> list[str]:
    """Where the dataset is, and what it holds."""
    found = api.xcom(run, "validate")
    return [
        f"dataset {api.xcom(run, 'export')}: {found['decided_rows']:,} decided rows ({found['label_source']}), "
        f"{found['quarantined']:,} in quarantine",
        f"  {found['uri']}",
        f"  {_link(address, run, 'validate')}",
    ]


def compared(api: AirflowApi, address: str, run: Run) -> list[str]:
    """The comparison itself where its file can be read, else where to read it; and whether it changed the default."""
    store = _store()
    page = store.path(NAME) if store else None
    if page and page.exists():
        text = page.read_text(encoding="utf-8")
    else:
        text = f"The comparison is at the end of the log: {_link(address, run, 'compare')}"
    return [text, str(api.xcom(run, "set_default") or "").strip()]


def _store() -> Store | None:
    """The artefact store, where this machine knows it: not that of an Airflow elsewhere, unless STORE_URI says so."""
    here = os.environ.get("STORE_URI") or Login().url is None
    return RunOptions().store(Settings()) if here else None


def answered(api: AirflowApi, address: str, run: Run) -> list[str]:
    """What became of the answer, and what follows from it. Raises CommandError when it did not count."""
    version, done = api.xcom(run, "open_request", "version"), _succeeded(api, run)
    outcome = api.xcom(run, "record_decision", "outcome")
    lines = what_became(version, outcome, _link(address, run, "record_decision"))
    if "request_deployment" in done:
        return [*lines, f"its deployment has begun: {address}/dags/future_skills_deployment"]
    if outcome["event"] == "approved":
        return [*lines, f"nothing is deployed by that alone; DevOps says: make deploy VERSION={version}"]
    return [*lines, "the deployed model stays"]


def what_became(version: str, outcome: dict[str, Any] | None, link: str) -> list[str]:
    """An answer in words, from what the ledger says of it. Raises CommandError when it did not count."""
    if outcome is None:
        raise CommandError(f"The answer about {version} is not recorded: {link}")
    if not outcome["counts"]:
        raise CommandError(f"The answer about {version} did not count: {outcome['reason']}\n  {link}")
    return [f"{version} is {outcome['event']}, and that is recorded: {link}"]


def deployed(api: AirflowApi, address: str, run: Run) -> list[str]:
    """The version that predicts from now on."""
    version, kind = api.xcom(run, "verify"), (run["conf"] or {}).get("kind", "deploy")
    return [
        f"{version} is {'deployed' if kind == 'deploy' else 'deployed again'} (deployment {api.xcom(run, 'promote')}).",
        "Predictions change once future_skills_prediction has scored the newest dataset with it; that has begun by itself:",
        f"  {address}/dags/future_skills_prediction",
    ]


def predicted(api: AirflowApi, address: str, run: Run) -> list[str]:
    """The batch, and how many rows changed."""
    found = api.xcom(run, "publish")
    if found is None:
        return [f"nothing was predicted: {_link(address, run, 'plan')}"]
    done = ", ".join(f"{found.get(name, 0):,} {name}" for name in ("inserted", "updated", "deleted", "unchanged"))
    return [f"batch {found['batch_id']} by {found['version']}: {done} ({found['state']})", f"  {_link(address, run, 'publish')}"]


def drift_reported(api: AirflowApi, address: str, run: Run) -> list[str]:
    """The verdict of the report, where it is, and what follows from it."""
    reports, done = api.event_extras(run), _succeeded(api, run)
    if not reports:
        return [f"nothing was compared: {_link(address, run, 'report')}"]
    found = reports[-1]
    verdict = "drift" if found["drifted"] else "some columns cannot be compared" if found["unknown"] else "no drift"
    follows = "; a retraining has begun" if "request_retraining" in done else ""
    return [
        f"report {found['report_id']} on batch {found['batch_id']}: {verdict}{follows}",
        f"  {found['html_uri']}",
        f"  {run_link(address, run['dag_id'], run['dag_run_id'])}",
    ]


RESULTS: dict[str, Callable[[AirflowApi, str, Run], list[str]]] = {
    "future_skills_retraining": retrained,
    "future_skills_export": exported,
    "future_skills_experiment": compared,
    "future_skills_promotion": answered,
    "future_skills_deployment": deployed,
    "future_skills_prediction": predicted,
    "future_skills_drift": drift_reported,
}
