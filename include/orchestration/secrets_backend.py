"""Airflow's secrets backend of an installation: its connections to the HR database come from DSNs in files."""

import os
from typing import Final

from airflow.secrets import BaseSecretsBackend

from future_skills.secret_files import secret_from
from orchestration.hr_connections import DASHBOARD_DATABASE, HR_DATABASE, hr_connection_json

DSN_VARIABLES: Final = {HR_DATABASE: "HR_DSN", DASHBOARD_DATABASE: "HR_DASHBOARD_DSN"}


class HRConnections(BaseSecretsBackend):  # type: ignore[misc]  # Airflow is not typed here
    """Airflow's secrets backend of an installation: both connections come from HR_DSN and HR_DASHBOARD_DSN, or their files."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:  # noqa: ARG002 - Airflow's signature
        """The connection as JSON; None when it is not one of ours, or its DSN is not given."""
        dsn = secret_from(os.environ, DSN_VARIABLES[conn_id]) if conn_id in DSN_VARIABLES else ""
        return hr_connection_json(dsn, DSN_VARIABLES[conn_id]) if dsn else None

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:  # noqa: ARG002 - Airflow's signature
        """No variable comes from here."""
        return None
