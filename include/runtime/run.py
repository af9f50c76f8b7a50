"""`make run` and `make run-once`: everything from an empty folder to a finished chain, and a clean stop."""

import argparse
import os
import signal
import sys
import time
import traceback
from contextlib import ExitStack, closing
from dataclasses import dataclass
from types import FrameType
from typing import Any

from psycopg2.extensions import make_dsn

from future_skills.config import Settings
from future_skills.database import connect, execute
from future_skills.domain import FutureSkillsError
from future_skills.dsn import read_dsn
from future_skills.hr.loader import LoadSummary, load_company
from future_skills.hr.rights import DASHBOARD_ROLE, dashboard_grants_sql
from future_skills.hr.schema import create_hr_tables, require_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from future_skills.ledger.settings import claim_company
from future_skills.registry.pointer import named_version, pointer_in_words, pointer_use
from future_skills.store.artifacts import Store
from future_skills.store.ownership import require_own_store
from runtime import chain
from runtime.airflow_api import AirflowApi
from runtime.environment import LOOPBACK, airflow_environment, product_environment
from runtime.failures import describe_failure
from runtime.mail_sink import mail_sink
from runtime.opened_folders import opened_in_words
from runtime.options import SETTINGS_ERRORS, RunOptions, in_words
from runtime.postgres import embedded_server
from runtime.processes import Processes, airflow_processes, require_free_port, run_module, stop_left_over
from runtime.state import USERS, Secrets, State
from runtime.summary import Outcome, open_approvals, summarise, waiting_deployment

READY_SECONDS = 240
_started = time.monotonic()


class Interrupted(BaseException):
    """SIGINT or SIGTERM: a person or the system asks to stop. No `except Exception` may hold it back."""


def say(line: str) -> None:
    """Tell one line, with the seconds since the start."""
    print(f"[{time.monotonic() - _started:6.1f} s] {line}", flush=True)


def main() -> int:
    """Run once, or run and serve; returns the outcome as the exit code, printed last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop when the chain has ended")
    once = parser.parse_args().once
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    outcome = Outcome.FAILED
    try:
        outcome = _run(once=once)
    except Interrupted:
        say("stopped before the chain had ended")
    except (FutureSkillsError, *SETTINGS_ERRORS) as error:
        print(f"\nError: {in_words(error)}", file=sys.stderr, flush=True)
    except Exception:
        traceback.print_exc()
    print(f"outcome: {outcome.value}", flush=True)
    return outcome


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # one request to stop is enough; stopping takes some seconds
    raise Interrupted


def _run(*, once: bool) -> Outcome:
    """Start everything, run a chain, serve until interrupted unless `once`; whatever happens, stop everything."""
    options, settings = RunOptions(), Settings()
    options.require_dsns(settings)
    state = options.state(settings)
    company = options.read_company() if settings.embedded else None
    with ExitStack() as stack:
        stack.enter_context(state.locked())
        left_over = stop_left_over(state)
        if left_over:
            say(f"ended {left_over} processes of an earlier run")
        require_free_port(options.port)
        say(f"state: {state.root}")
        databases = stack.enter_context(embedded_server(state.postgres))
        if opened := opened_in_words(state):
            say(opened)
        mail_port = None if os.environ.get("MAIL__HOST") else stack.enter_context(mail_sink(state.mail))
        secrets = state.secrets()
        os.environ.update(product_environment(state, secrets, settings, port=options.port, mail_port=mail_port))
        settings = Settings()
        hr_dsn = settings.hr_dsn.get_secret_value() if settings.hr_dsn else databases["hr"]
        store = Store.open(settings.store_uri)
        if pointer := pointer_in_words(pointer_use(store, settings), named_version(store)):
            say(pointer)
        _prepare_hr(hr_dsn, settings, company)
        with closing(connect(hr_dsn)) as connection:
            require_own_store(connection, store)
        if settings.embedded:
            say(f"approval: {settings.approval}, deployment: {settings.deploy} (automatic by default in the embedded run only)")
        environment = airflow_environment(
            state,
            secrets,
            airflow_dsn=databases["airflow"],
            hr_dsn=hr_dsn,
            dashboard_dsn=_dashboard_dsn(options, settings, hr_dsn),
            port=options.port,
        )
        say("preparing Airflow's database and roles ...")
        run_module("orchestration.seeding", environment, state.logs / "seeding.log")
        say("starting Airflow ...")
        processes = stack.enter_context(airflow_processes(state, environment))
        api = stack.enter_context(closing(AirflowApi(f"http://{LOOPBACK}:{options.port}", "admin", secrets.passwords["admin"])))
        api.wait_until_ready(READY_SECONDS, processes.require_alive)
        say(f"Airflow is up: {settings.base_url}")
        running = _Running(api=api, processes=processes, state=state, store=store, hr_dsn=hr_dsn)
        outcome = _chain(running, options, settings)
        if not once:
            _serve(processes, settings, secrets)
        return outcome


def _dashboard_dsn(options: RunOptions, settings: Settings, hr_dsn: str) -> str | None:
    """The embedded server asks for no password; on an existing one the DBA has given the dashboard's role its own way in."""
    if settings.embedded:
        return str(make_dsn(**{**read_dsn(hr_dsn), "user": DASHBOARD_ROLE}))
    return options.hr_dashboard_dsn.get_secret_value() if options.hr_dashboard_dsn else None


def _prepare_hr(hr_dsn: str, settings: Settings, company: Any) -> None:
    """Create and load the embedded database; on an existing one, only look."""
    with closing(connect(hr_dsn)) as connection:
        if not settings.embedded:
            require_hr_tables(connection)
            migrate_ledger(connection)
            say("an existing HR database: its source tables are read, never written")
            return
        create_hr_tables(connection)
        migrate_ledger(connection, create_schema=True)
        with connection:
            claim_company(connection, company.name)
            execute(connection, dashboard_grants_sql(read_dsn(hr_dsn)["user"]))
        loaded = load_company(connection, company)
        say(f"company {company.name}: {_loaded(loaded)}")


def _loaded(summary: LoadSummary) -> str:
    parts = [
        f"{name.replace('_', ' ')} +{counts.inserted:,} ~{counts.updated:,} -{counts.removed:,}"
        for name, counts in summary.tables.items()
        if counts.changed
    ]
    coerced = f"; {summary.actions_coerced:,} recommended actions stored as TRAINING" if summary.actions_coerced else ""
    return (", ".join(parts) or "nothing has changed") + coerced


@dataclass(frozen=True)
class _Running:
    """A started Airflow and what it works on."""

    api: AirflowApi
    processes: Processes
    state: State
    store: Store
    hr_dsn: str


def _chain(running: _Running, options: RunOptions, settings: Settings) -> Outcome:
    begin, api, check_alive = time.monotonic(), running.api, running.processes.require_alive
    run_id = chain.start_chain(api, say)
    progress = chain.follow(api, run_id, seconds=options.chain_timeout, say=say, check_alive=check_alive)
    with closing(connect(running.hr_dsn)) as connection:
        summary = summarise(connection, running.store, run_id)
        waiting = open_approvals(connection, settings) + waiting_deployment(connection, settings)
    print()
    for line in [*summary.lines, *waiting]:
        print(line)
    print(f"the chain took {time.monotonic() - begin:.0f} s, all of it {time.monotonic() - _started:.0f} s", flush=True)
    if progress is None:
        print(f"The chain did not end within {options.chain_timeout} s (CHAIN_TIMEOUT).")
        return Outcome.TIMED_OUT
    for run in progress.failed:
        for line in describe_failure(running.state, settings.base_url, progress, run):
            print(line)
    if progress.failed:
        return Outcome.FAILED
    nobody_is_asked = summary.outcome is Outcome.WAITING and not waiting
    return Outcome.NONE_PASSED if nobody_is_asked else summary.outcome


def _serve(processes: Processes, settings: Settings, secrets: Secrets) -> None:
    print(f"\nAirflow: {settings.base_url}")
    for name, role in USERS:
        print(f"  {name:<10} {secrets.passwords[name]:<14} {role}")
    print("Ctrl-C stops everything.", flush=True)
    try:
        while True:
            processes.require_alive()
            time.sleep(1)
    except Interrupted:
        say("stopping ...")


if __name__ == "__main__":
    sys.exit(main())
