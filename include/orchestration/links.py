"""Addresses of Airflow's pages, for mails and summaries."""

from typing import Any
from urllib.parse import quote


def task_link(base_url: str, dag_run: Any, task_id: str, page: str = "") -> str:
    """The page of a task in a run; `page` is a tab of it, such as required_actions."""
    address = f"{base_url.rstrip('/')}/dags/{dag_run.dag_id}/runs/{quote(dag_run.run_id, safe='')}/tasks/{task_id}"
    return f"{address}/{page}?map_index=-1" if page else address
