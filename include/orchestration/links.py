"""Addresses of Airflow's pages, for mails and summaries."""

from urllib.parse import quote


def run_link(base_url: str, dag_id: str, run_id: str) -> str:
    """The page of a run."""
    return f"{base_url.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id, safe='')}"


def task_link(base_url: str, dag_id: str, run_id: str, task_id: str, page: str = "") -> str:
    """The page of a task in a run; `page` is a tab of it, such as required_actions."""
    address = f"{run_link(base_url, dag_id, run_id)}/tasks/{task_id}"
    return f"{address}/{page}?map_index=-1" if page else address
