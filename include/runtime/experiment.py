"""`make experiment`: starts the experiment DAG of a running `make run` as one of its users, waits, prints the comparison."""

import os
import sys
import time
from contextlib import closing, suppress
from typing import Any

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from future_skills.config import Settings
from future_skills.domain import ESTIMATOR_NAMES, FutureSkillsError
from future_skills.registry.comparison_page import NAME
from future_skills.store.artifacts import Store
from orchestration.forms import FEATURE_SETS, PREPROCESSINGS
from orchestration.links import task_link
from orchestration.roles import TRIGGERS
from runtime.airflow_api import AirflowApi
from runtime.environment import LOOPBACK
from runtime.failures import newest_log, reason_in
from runtime.options import SETTINGS_ERRORS, RunOptions, in_words
from runtime.state import State

EXPERIMENT = "future_skills_experiment"
POLL_SECONDS = 2
TOLD_EVERY = 30


class ExperimentError(FutureSkillsError):
    """An experiment cannot be started, or did not end well."""


class ExperimentOptions(BaseSettings):
    """What to compare and as whom, from the environment (`make experiment ESTIMATORS="random_forest,ridge"`)."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    estimators: str | None = Field(None, description="Names, divided by commas; the form's own choice when left out.")
    preprocessings: str | None = Field(None, description="target, onehot, or both, divided by commas.")
    feature_sets: str | None = Field(None, description="core, extended, or both, divided by commas.")
    airflow_user: str = Field("scientist", description="Who asks for it.")
    airflow_password: str | None = Field(None, description="The user's password; of a demo user it is known.")

    def conf(self) -> dict[str, list[str]]:
        """The run's parameters. Raises ExperimentError for a name there is not."""
        chosen = {
            "estimators": _names(self.estimators, "estimator", ESTIMATOR_NAMES),
            "preprocessings": _names(self.preprocessings, "preprocessing", PREPROCESSINGS),
            "feature_sets": _names(self.feature_sets, "feature set", FEATURE_SETS),
        }
        return {name: values for name, values in chosen.items() if values}


def _names(text: str | None, what: str, known: Any) -> list[str]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ExperimentError(f"There is no {what} {', '.join(unknown)}; there are {', '.join(known)}.")
    return list(dict.fromkeys(names))


def main() -> int:
    """Start it, wait, print; returns 0 when it ended well."""
    try:
        settings, options = Settings(), RunOptions()
        state = State(options.state_dir.absolute() / options.company_name(settings))
        print(_compare(state, options, ExperimentOptions()))
    except (FutureSkillsError, *SETTINGS_ERRORS) as error:
        print(f"Error: {in_words(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nNo longer waiting; the experiment goes on in Airflow.", file=sys.stderr)
        return 1
    return 0


def _compare(state: State, options: RunOptions, wanted: ExperimentOptions) -> str:
    conf, address = wanted.conf(), f"http://{LOOPBACK}:{options.port}"
    try:
        with closing(AirflowApi(address, wanted.airflow_user, _password(state, wanted))) as api:
            run_id = api.trigger(EXPERIMENT, conf)
            print(f"comparing ...  {address}/dags/{EXPERIMENT}", flush=True)
            _wait(api, run_id, address, state)
    except httpx.TransportError:
        raise ExperimentError(
            f"No Airflow answers at {address}: start `make run` in another terminal first (PORT= when it is not 8080)."
        ) from None
    except httpx.HTTPStatusError as error:
        raise ExperimentError(_refusal(error, wanted.airflow_user)) from None
    store = Store.open(os.environ.get("STORE_URI") or str(state.store))
    return store.path(NAME).read_text(encoding="utf-8")


def _password(state: State, wanted: ExperimentOptions) -> str:
    """The given password, or the generated one of a demo user of this state."""
    if wanted.airflow_password:
        return wanted.airflow_password
    if not state.has_secrets:
        raise ExperimentError(f"Nothing was started in {state.root} yet: start `make run` in another terminal first.")
    known = state.secrets().passwords
    if wanted.airflow_user not in known:
        raise ExperimentError(f"The password of {wanted.airflow_user} is not known: give it as AIRFLOW_PASSWORD.")
    return known[wanted.airflow_user]


def _refusal(error: httpx.HTTPStatusError, user: str) -> str:
    if error.response.status_code == httpx.codes.FORBIDDEN:
        allowed = " and ".join(sorted(TRIGGERS[EXPERIMENT]))
        return f"{user} may not start {EXPERIMENT}: {allowed} may. Name another user with AIRFLOW_USER=..."
    if error.response.status_code == httpx.codes.UNAUTHORIZED:
        return f"Airflow does not accept the password of {user}."
    return f"Airflow refuses: {error.response.status_code} {error.response.text[:300]}"


def _wait(api: AirflowApi, run_id: str, address: str, state: State) -> None:
    """Until the run has ended. Raises ExperimentError, with the reason from the task's log, when it fails."""
    begin = told = time.monotonic()
    while True:
        with suppress(httpx.TimeoutException):  # a machine that is busy comparing may be slow to answer
            run = api.run(EXPERIMENT, run_id)
            if run["state"] == "success":
                return
            if run["state"] == "failed":
                raise ExperimentError(_failure(api.task_instances(run), run_id, address, state))
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            print(f"  {told - begin:.0f} s ...", flush=True)
        time.sleep(POLL_SECONDS)


def _failure(instances: list[dict[str, Any]], run_id: str, address: str, state: State) -> str:
    task_id = next((one["task_id"] for one in instances if one["state"] == "failed"), None)
    if task_id is None:
        return f"The experiment failed though none of its tasks did: was its time over? {address}/dags/{EXPERIMENT}"
    reason = reason_in(newest_log(state, EXPERIMENT, run_id, task_id, -1)) or "see its log"
    return f"The experiment failed in {task_id}: {reason}\n  {task_link(address, EXPERIMENT, run_id, task_id)}"


if __name__ == "__main__":
    sys.exit(main())
