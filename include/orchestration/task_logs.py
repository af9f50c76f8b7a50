"""Where Airflow keeps the logs of tasks."""

from pathlib import Path


def local_log_folder() -> Path | None:
    """The folder of task logs on this machine; None where remote logging keeps them, whose store has a retention of its own."""
    from airflow.sdk.configuration import conf

    if conf.getboolean("logging", "remote_logging"):
        return None
    return Path(conf.get("logging", "base_log_folder"))
