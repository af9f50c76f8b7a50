"""Puts the dashboard into Airflow: its pages at /future-skills, its entry in the navigation.

Every process of Airflow reads this file; only the API server ever imports what is behind it.
"""

from importlib import import_module

from airflow.plugins_manager import AirflowPlugin
from anyio.to_thread import run_sync
from starlette.types import Receive, Scope, Send

PREFIX = "/future-skills"


async def dashboard(scope: Scope, receive: Receive, send: Send) -> None:
    """The dashboard's application, imported at its first request."""
    module = await run_sync(import_module, "dashboard.app")
    await module.app(scope, receive, send)


class FutureSkillsDashboard(AirflowPlugin):
    """The plugin."""

    name = "future_skills_dashboard"
    fastapi_apps = [{"app": dashboard, "url_prefix": PREFIX, "name": "Future Skills"}]  # noqa: RUF012 - Airflow's shape
    external_views = [  # noqa: RUF012 - Airflow's shape
        {"name": "Future Skills", "href": f"{PREFIX}/", "destination": "nav", "url_route": "future-skills"}
    ]
