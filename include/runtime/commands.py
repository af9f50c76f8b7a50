"""`make train-model`, `make promote`, `make deploy` and their like: each starts, or answers, one run of a DAG and waits for it.

Everything goes through Airflow's API with the caller's login, so that who may do what holds here as it does in the browser.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestration.links import run_link
from runtime.airflow_api import AirflowApi
from runtime.answering import PROMOTION, answer_approval
from runtime.caller import Caller, Login
from runtime.command_options import CommandOptions, value_of
from runtime.following import follow_run, require_unpaused
from runtime.options import OptionsError, RunOptions, ended_in_words, show
from runtime.results import RESULTS


@dataclass(frozen=True)
class Command:
    """A DAG, the demo user who asks by default, and the run's parameters: those that are set, and those that options give."""

    dag_id: str
    demo_user: str
    options: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def conf(self, options: CommandOptions) -> dict[str, Any]:
        """The run's parameters. Raises OptionsError for an option that is missing or names what there is not."""
        for name in self.required:
            if value_of(options, name) is None:
                raise OptionsError(f"{name.upper()} is missing: see docs/commands.md.")
        given = {parameter: value_of(options, option) for parameter, option in self.options.items()}
        return {**self.fixed, **{parameter: value for parameter, value in given.items() if value is not None}}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


RETRAINING = "future_skills_retraining"
DEPLOYMENT = "future_skills_deployment"
COMMANDS: dict[str, Command] = {
    "retrain-future-skills": Command(RETRAINING, "scientist", {"version": "model_version"}),
    "export-dataset": Command("future_skills_export", "scientist", _same("as_of")),
    "train-model": Command(
        RETRAINING,
        "scientist",
        {**_same("estimator", "preprocessing", "feature_set", "parameters", "as_of"), "dataset_id": "dataset"},
    ),
    "evaluate-model": Command(RETRAINING, "scientist", _same("version"), {"only_evaluate": True}),
    "experiment": Command(
        "future_skills_experiment",
        "scientist",
        {**_same("estimators", "preprocessings", "feature_sets", "parameters"), "dataset_id": "dataset"},
    ),
    "promote": Command(PROMOTION, "drh.one"),
    "deploy": Command(DEPLOYMENT, "devops", _same("version", "reason"), {"kind": "deploy"}),
    "rollback": Command(DEPLOYMENT, "devops", _same("version", "reason"), {"kind": "rollback"}),
    "republish": Command("future_skills_prediction", "devops", {"batch_id": "batch"}, required=("batch",)),
    "drift": Command("future_skills_drift", "scientist", {"batch_id": "batch"}),
}
"""Every command: what `make <name>` starts, or answers."""


def main() -> int:
    """Run one command, wait, print what came of it; returns 0 when it ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    name = parser.parse_args().command
    try:
        return ended_in_words(lambda: show(run_command(COMMANDS[name], CommandOptions(), RunOptions(), Login())))
    except KeyboardInterrupt:
        print("\nNo longer waiting; the run goes on in Airflow.", file=sys.stderr)
        return 1


def run_command(command: Command, options: CommandOptions, run_options: RunOptions, login: Login) -> list[str]:
    """Do it and return what to print. Raises OptionsError, RefusedError, CommandError."""
    conf = command.conf(options)
    caller = Caller(login, run_options, command.demo_user)
    with caller.signed_in(command.dag_id) as api:
        if command.dag_id == PROMOTION:
            run_id = answer_approval(api, options)
            if run_id is None:
                return []
        else:
            run_id = _start(api, command.dag_id, conf)
            print(f"{caller.user} started {run_link(caller.address, command.dag_id, run_id)}", flush=True)
        run = follow_run(api, caller.address, command.dag_id, run_id)
        return RESULTS[command.dag_id](api, caller.address, run)


def _start(api: AirflowApi, dag_id: str, conf: dict[str, Any]) -> str:
    require_unpaused(api, dag_id)
    return api.trigger(dag_id, conf)


if __name__ == "__main__":
    sys.exit(main())
