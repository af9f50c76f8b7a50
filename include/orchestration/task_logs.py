"""Where Airflow keeps the logs of tasks."""

from pathlib import Path


def task_log_folder() -> Path:
    """The folder of task logs on this machine; remote logging leaves a copy there, unless Airflow is told to delete it."""
    from airflow.sdk.configuration import conf

    return Path(conf.get("logging", "base_log_folder"))
