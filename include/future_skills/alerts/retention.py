"""Removes what nobody needs: old changes of predictions, old mails, and files that a crash left without their ledger row."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from psycopg2.extensions import connection as Connection
from upath import UPath

from future_skills.alerts.direct import SENT_FOLDER
from future_skills.database import execute, fetch_rows
from future_skills.store.artifacts import PROBE, Store

CHANGES_KEPT = timedelta(days=400)
MAILS_KEPT = timedelta(days=400)
PICTURES_KEPT = timedelta(days=30)
MARKS_KEPT = timedelta(hours=48)
"""Of mails sent past the outbox: each belongs to a day."""
ORPHANS_KEPT = timedelta(hours=24)
SWEPT = ("datasets", "batches", "reports", "experiments", "models")
DRAFTS_ALONE = ("approvals", SENT_FOLDER)
"""Folders of which nothing but drafts is ever an orphan."""
MODEL_FILE = re.compile(r"future_skills_model_v(\d+)\.(?:.+\.)?(?:pkl|json)")
EVALUATION_FILE = re.compile(r"future_skills_model_v\d+\.evaluation-(\d+)\.html")
DRAFT_FILE = re.compile(rf"\..+\.[0-9a-f]{{32}}\.draft|{re.escape(PROBE)}[0-9a-f]{{32}}")
"""What `Store` writes before it renames, or only to see whether it may; one that is a day old belongs to a process that died."""


def sweep(connection: Connection, store: Store, now: datetime, kept: timedelta = ORPHANS_KEPT) -> dict[str, int]:
    """Delete old changes, mails that are settled, and orphans older than `kept`; returns how many, by kind.

    Of the store only the folders SWEPT are touched, and there only whole folders without a ledger row, model files of
    numbers that were never registered and reports of evaluations that were never recorded; and drafts anywhere.
    Where the ledger is empty nothing is an orphan: it is more likely that the ledger is the wrong one.
    """
    before = now - kept
    datasets, batches = _folders(store, "datasets", before), _folders(store, "batches", before)
    reports, experiments = _folders(store, "reports", before), _folders(store, "experiments", before)
    models, evaluations = _model_files(store, MODEL_FILE, before), _model_files(store, EVALUATION_FILE, before)
    drafts = _drafts(store, before)
    with connection:
        changes = execute(connection, "DELETE FROM future_skills_ops.prediction_change WHERE at < %s", (now - CHANGES_KEPT,))
        mails = _forget_mails(connection, now)
        known_datasets = _known(connection, "SELECT dataset_id FROM future_skills_ops.dataset")
        known_batches = _known(connection, "SELECT batch_id FROM future_skills_ops.prediction_batch")
        known_evaluations = _known(connection, "SELECT evaluation_id FROM future_skills_ops.evaluation")
        known_experiments = _known(connection, "SELECT experiment_id FROM future_skills_ops.experiment")
        known_models = _known(connection, "SELECT number::text FROM future_skills_ops.model_version")
    return {
        "prediction_changes": changes,
        "mails": mails,
        "datasets": _remove(datasets, known_datasets, lambda path: path.name),
        "batches": _remove(batches, known_batches, lambda path: path.name),
        "reports": _remove(reports, known_batches, lambda path: path.name),
        "experiments": _remove(experiments, known_experiments, lambda path: path.name),
        "models": _remove(models, known_models, lambda path: _number(MODEL_FILE, path)),
        "evaluations": _remove(evaluations, known_evaluations, lambda path: _number(EVALUATION_FILE, path)),
        "drafts": sum(delete(path) for path in drafts if path.exists()),
        "marks": sum(delete(path) for path in _files(store.path(SENT_FOLDER)) if _is_older(path, now - MARKS_KEPT)),
    }


def _forget_mails(connection: Connection, now: datetime) -> int:
    """Delete mails that were sent or given up long ago, and the pictures of those that were a month ago."""
    execute(
        connection,
        "UPDATE future_skills_ops.outbox SET pictures = '{}' WHERE created_at < %s AND pictures <> '{}'",
        (now - PICTURES_KEPT,),
    )
    return execute(
        connection,
        "DELETE FROM future_skills_ops.outbox WHERE created_at < %s AND coalesce(sent_at, given_up_at) IS NOT NULL",
        (now - MAILS_KEPT,),
    )


def _known(connection: Connection, query: str) -> set[str]:
    return {str(value) for row in fetch_rows(connection, query) for value in row.values()}


def _number(kind: re.Pattern[str], path: UPath) -> str:
    match = kind.fullmatch(path.name)
    return match[1] if match else ""


def children(folder: UPath) -> list[UPath]:
    """What is in a folder of the store, links aside: whatever they lead to is not ours."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    return [path for path in folder.iterdir() if not path.is_symlink()]


def _files(folder: UPath) -> Iterator[UPath]:
    for path in children(folder):
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _is_older(path: UPath, before: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
    except FileNotFoundError:  # its writer has just renamed it
        return False


def _folders(store: Store, name: str, before: datetime) -> list[UPath]:
    """Folders whose newest file is old; an empty one by its own age."""
    folders = [path for path in children(store.path(name)) if path.is_dir()]
    return [path for path in folders if all(_is_older(one, before) for one in (list(_files(path)) or [path]))]


def _model_files(store: Store, kind: re.Pattern[str], before: datetime) -> list[UPath]:
    return [path for path in children(store.path("models")) if kind.fullmatch(path.name) and _is_older(path, before)]


def _drafts(store: Store, before: datetime) -> list[UPath]:
    """Old drafts in the folders that are swept, and beside the pages and the pointer, which stand in the store itself."""
    found = [path for path in children(store.root) if not path.is_dir()]
    found += [path for name in (*SWEPT, *DRAFTS_ALONE) for path in _files(store.path(name))]
    return [path for path in found if DRAFT_FILE.fullmatch(path.name) and _is_older(path, before)]


def _remove(found: list[UPath], known: set[str], key: Callable[[UPath], str]) -> int:
    return sum(delete(path) for path in found if known and key(path) not in known)


def delete(path: UPath) -> bool:
    """Delete a file, or a folder with what is in it; a link in it goes, what it leads to stays."""
    if path.is_dir() and not path.is_symlink():
        for child in list(path.iterdir()):
            delete(child)
        if path.exists():  # an object store has no folder left once its files are gone
            path.rmdir()
    else:
        path.unlink(missing_ok=True)
    return True
