"""Which task logs the watch removes, and that it reaches nothing else."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from future_skills.alerts.task_logs import sweep_task_logs

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=90)
RUN = "dag_id=future_skills_watch/run_id=scheduled__2026-08-01T00:30:00+00:00/task_id=sweep"


def put(folder: Path, name: str, days: float) -> Path:
    """A log last written so many days ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    moment = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))
    return path


def remaining(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_old_logs_of_our_dags_go_with_the_folders_they_leave_empty(tmp_path):
    for name in (
        f"{RUN}/attempt=1.log",
        f"{RUN}/attempt=2.log",
        "dag_id=future_skills_promotion/run_id=a/task_id=request_approval/attempt=1.log.trigger.7.log",
        "dag_id=future_skills_prediction/run_id=a/task_id=score/map_index=0/attempt=1.log",
        "dag_id=future_skills_prediction/run_id=b/task_id=score/map_index=0/attempt=1.log",
    ):
        put(tmp_path, name, 90.1)
    kept = {
        "dag_id=future_skills_prediction/run_id=b/task_id=score/map_index=0/attempt=2.log": 1,
        "dag_id=future_skills_prediction/run_id=c/task_id=plan/attempt=1.log": 89.9,
        "dag_id=another/run_id=a/task_id=t/attempt=1.log": 1_000,
        "dag_processor/2026-01-01/dags-folder/a.py.log": 1_000,
        "scheduler.log": 1_000,
    }
    for name, days in kept.items():
        put(tmp_path, name, days)
    assert sweep_task_logs(tmp_path, BEFORE) == 5
    assert remaining(tmp_path) == set(kept)
    assert {path.name for path in tmp_path.glob("dag_id=future_skills_*/*")} == {"run_id=b", "run_id=c"}
    assert not list((tmp_path / "dag_id=future_skills_watch").iterdir())
    assert sweep_task_logs(tmp_path, BEFORE) == 0


def test_links_are_neither_followed_nor_removed(tmp_path):
    logs, outside = tmp_path / "logs", tmp_path / "outside"
    put(outside, "precious.log", 1_000)
    put(outside, "run_id=x/task_id=t/attempt=1.log", 1_000)
    put(logs, f"{RUN}/attempt=1.log", 1_000)
    for name, target in (
        ("dag_id=future_skills_linked", outside),
        (f"{RUN}/folder", outside),
        (f"{RUN}/file.log", outside / "precious.log"),
        (f"{RUN}/dangling.log", outside / "nothing"),
        ("dag_id=future_skills_watch/run_id=y", outside / "run_id=x"),
    ):
        (logs / name).symlink_to(target)
    assert sweep_task_logs(logs, BEFORE) == 1
    assert remaining(outside) == {"precious.log", "run_id=x/task_id=t/attempt=1.log"}
    assert len(remaining(logs)) == 5


def test_a_log_folder_that_is_not_there_yet_is_empty(tmp_path):
    assert sweep_task_logs(tmp_path / "logs", BEFORE) == 0


def test_a_log_folder_may_itself_be_a_link(tmp_path):
    put(tmp_path / "disk", f"{RUN}/attempt=1.log", 91)
    (tmp_path / "logs").symlink_to(tmp_path / "disk")
    assert sweep_task_logs(tmp_path / "logs", BEFORE) == 1
