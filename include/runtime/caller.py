"""Who runs a command, against which Airflow: the local run's demo users, or a person's own login."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from future_skills.config import Settings
from future_skills.domain import FutureSkillsError
from future_skills.secret_files import SettingsWithSecretFiles
from orchestration.roles import ANSWERS, TRIGGERS
from runtime.airflow_api import AirflowApi
from runtime.environment import LOOPBACK
from runtime.options import RunOptions


class RefusedError(FutureSkillsError):
    """Airflow is not there, does not know the caller, or does not let the caller do it."""


class Login(SettingsWithSecretFiles):
    """Airflow and the login to use there, from the environment."""

    model_config = SettingsConfigDict(env_prefix="AIRFLOW_", extra="ignore", frozen=True, env_ignore_empty=True)

    url: str | None = Field(None, description="Address of Airflow; empty: the local run's.")
    user: str | None = Field(None, description="Who asks; empty, in the local run: a demo user who may.")
    password: SecretStr | None = Field(None, description="That user's password; of a demo user it is known.")
    token: SecretStr | None = Field(None, description="Instead of both: a token that Airflow gave the user.")


class Caller:
    """A login in use: where, who, and how refusals read."""

    def __init__(self, login: Login, options: RunOptions, demo_user: str) -> None:
        self.local = login.url is None
        self.address = (login.url or f"http://{LOOPBACK}:{options.port}").rstrip("/")
        if not self.local and not login.token and not (login.user and login.password):
            raise RefusedError(f"Who are you at {self.address}? Give AIRFLOW_USER and AIRFLOW_PASSWORD, or AIRFLOW_TOKEN.")
        self._token = login.token.get_secret_value() if login.token else None
        self.user = login.user or ("The token's owner" if login.token else demo_user)
        self._password = login.password.get_secret_value() if login.password else ""
        if not (self._password or self._token):
            self._password = self._demo_password(options)

    def _demo_password(self, options: RunOptions) -> str:
        """The generated password of a demo user of this state."""
        state = options.state(Settings())
        if not state.has_secrets:
            raise RefusedError(f"Nothing was started in {state.root} yet: start `make run` in another terminal first.")
        known = state.secrets().passwords
        if self.user not in known:
            raise RefusedError(f"The password of {self.user} is not known: give it as AIRFLOW_PASSWORD.")
        return known[self.user]

    @contextmanager
    def signed_in(self, dag_id: str) -> Iterator[AirflowApi]:
        """Airflow's API as this user. Raises RefusedError, in words, for whatever goes wrong with a request about the DAG."""
        try:
            with closing(AirflowApi(self.address, self.user, self._password, token=self._token)) as api:
                yield api
        except httpx.TransportError as error:
            start = "start `make run` in another terminal first (PORT= when it is not 8080)" if self.local else str(error)
            raise RefusedError(f"No Airflow answers at {self.address}: {start}.") from None
        except httpx.HTTPStatusError as error:
            raise RefusedError(self._refusal(error.response, dag_id)) from None

    def _refusal(self, response: httpx.Response, dag_id: str) -> str:
        if response.status_code == httpx.codes.FORBIDDEN:
            answers = response.request.url.path.endswith("/hitlDetails")
            allowed = " and ".join(sorted(ANSWERS[dag_id] if answers else TRIGGERS[dag_id])) or "nobody"
            return (
                f"{self.user} may not {'answer what' if answers else 'start'} {dag_id}{' asks' if answers else ''}: "
                f"{allowed} may. Name another user with AIRFLOW_USER=..."
            )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return f"Airflow does not accept the {'token' if self._token else f'password of {self.user}'}."
        if response.status_code == httpx.codes.NOT_FOUND:
            return (
                f"The Airflow at {self.address} does not know {response.request.url.path}: is it another one, or still starting?"
            )
        return f"Airflow refuses: {response.status_code} {_detail(response)}"


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])[:500]
    except (ValueError, KeyError, TypeError):
        return response.text[:300]
