"""Removes old logs of this product's tasks: the watch alone leaves a hundred thousand files a year."""

import errno
import os
import stat
from contextlib import suppress
from datetime import datetime
from pathlib import Path

FOLDERS_OF_DAGS = "dag_id=future_skills_*"
"""Below Airflow's base_log_folder, in its default log_filename_template. Other DAGs' logs are not ours to remove."""


def sweep_task_logs(base_log_folder: Path, before: datetime) -> int:
    """Remove log files of our DAGs last written before `before`, and the folders that this leaves empty; returns how many files.

    Links are neither followed nor removed, and nothing is reached but through the open folder it is in, so that a folder that
    is exchanged for a link meanwhile leads nowhere else. Raises OSError when a file cannot be removed.
    """
    folders = sorted(base_log_folder.glob(FOLDERS_OF_DAGS))
    return sum(_sweep(folder, before.timestamp()) for folder in folders)


def _sweep(dag_folder: Path, before: float) -> int:
    removed = 0
    touched: set[Path] = set()
    for name, folders, files, opened in os.fwalk(dag_folder, topdown=False, follow_symlinks=False):
        folder = Path(name)
        old = [file for file in files if _is_old(file, opened, before)]
        for file in old:
            with suppress(FileNotFoundError):  # somebody else sweeps too
                os.unlink(file, dir_fd=opened)
        emptied = [inner for inner in folders if folder / inner in touched and _is_removed(inner, opened)]
        if old or emptied:
            touched.add(folder)
        removed += len(old)
    return removed


def _is_old(file: str, opened: int, before: float) -> bool:
    try:
        found = os.stat(file, dir_fd=opened, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime < before


def _is_removed(folder: str, opened: int) -> bool:
    """Remove a folder unless something is left in it."""
    try:
        os.rmdir(folder, dir_fd=opened)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
            raise
        return False
    return True
