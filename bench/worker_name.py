"""By which name a Celery worker records itself in the tasks it runs: several of them share this machine's."""

import os


def worker_name() -> str:
    """The name its environment gives it."""
    return os.environ["WORKER_NAME"]
