"""The registry's three commands, as a person types them, on a local state and on a database of its own."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg2.extensions import make_dsn

from future_skills.config import SQL_FOLDER, Settings
from future_skills.database import connect, execute, fetch_value
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from runtime.options import OptionsError, RunOptions
from runtime.postgres import embedded_server, reached_server
from runtime.postgres_server import running_server
from runtime.registry import NoStateError, aligned, ledger, required
from runtime.state import State, StateBusyError
from support.prepared import Prepared, copied, prepared, three_versions

ROOT = SQL_FOLDER.parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of states."""
    return tmp_path_factory.mktemp("states")


@pytest.fixture(scope="module")
def state(folder) -> State:
    """The state of the demo company after a run that made nothing: migrated, its server stopped."""
    state = State(folder / "demo")
    state.create()
    with embedded_server(state.postgres) as databases:
        connection = connect(databases["hr"])
        create_hr_tables(connection)
        migrate_ledger(connection, create_schema=True)
        connection.close()
    return state


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("commands"), "three_versions", three_versions)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the Makefile runs."""
    known = {name: value for name, value in os.environ.items() if name not in {"HR_DSN", "DATA", "STATE_DIR"}}
    return subprocess.run(
        [sys.executable, "-m", "runtime.registry", *arguments],
        env={**known, "PYTHONPATH": str(ROOT / "include"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_make_targets_hand_over_what_was_typed():
    for target, expected in (
        (["compare", "A=v1", "B=v 2"], 'runtime.registry compare "v1" "v 2"'),
        (["compare", "A=v1"], 'runtime.registry compare "v1" ""'),
        (["model-card", "VERSION=v3"], 'runtime.registry card "v3"'),
        (["registry"], "runtime.registry page"),
    ):
        told = subprocess.run(
            ["make", "-n", "-o", ".venv/.installed", *target], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert expected in told


def test_a_state_whose_server_is_stopped_is_read_and_left_stopped(state, folder):
    assert not running_server(state.postgres)
    done = command("page", STATE_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert "No model is deployed yet." in done.stdout
    assert not running_server(state.postgres)


def test_a_running_server_is_read_and_left_running(state, folder):
    with state.locked(), embedded_server(state.postgres):
        assert running_server(state.postgres)
        done = command("card", "v1", STATE_DIR=str(folder))
        assert done.returncode == 1
        assert done.stderr == "Error: The ledger has no model version 'v1': nothing was trained yet.\n"
        assert running_server(state.postgres)


def test_a_run_that_is_just_starting_is_not_disturbed(state):
    with state.locked(), pytest.raises(StateBusyError), reached_server(state):
        pass
    assert not running_server(state.postgres)


def test_what_a_killed_server_left_does_not_count_as_running(tmp_path):
    assert not running_server(tmp_path)
    for content in ("", "abc\n", f"{2**22 + 1}\n\n\n\n\n\n\nready\n", f"{os.getpid()}\n\n\n\n\n\n\nready\n"):
        (tmp_path / "postmaster.pid").write_text(content)
        assert not running_server(tmp_path)


def test_without_a_state_one_is_told_to_run_first_and_nothing_is_made(tmp_path):
    done = command("page", STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (f"Error: There is nothing at {tmp_path}/demo yet: run `make run` first, with the same DATA.\n")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NoStateError), ledger(RunOptions(state_dir=tmp_path), Settings(hr_dsn=None)):
        pass


def test_a_database_of_ones_own_is_read_without_a_state(origin, tmp_path):
    with copied(origin, tmp_path / "copy") as bench:
        dsn = make_dsn(origin.server_dsn, dbname=bench.connection.info.dbname)
        compared = command("compare", "v1", "v2", HR_DSN=dsn)
        card = command("card", "v3", HR_DSN=dsn)
        unknown = command("compare", "v1", "v7", HR_DSN=dsn)
        with ledger(RunOptions(), Settings(hr_dsn=dsn)) as connection:
            assert connection.readonly
        away = {"HR_DSN": dsn, "STORE_URI": "nowhere://bucket/prefix"}
        without_store = command("card", "v3", **away)
        page = command("page", **away)
    assert (without_store.returncode, without_store.stderr) == (0, "")
    assert (page.returncode, "| v3 " in page.stdout) == (0, True)
    assert page.stderr.startswith("Whether the store holds future_skills_model.env cannot be seen: ")
    assert compared.stdout.startswith("# v1 and v2\n")
    assert "# Model card: v3" in card.stdout
    assert unknown.stderr == (
        "Error: The ledger has no model version 'v7': the newest are v3, v2, v1 (all: MODEL_REGISTRY.md).\n"
    )
    assert (compared.returncode, card.returncode, unknown.returncode) == (0, 0, 1)


@pytest.mark.parametrize(
    "name, names, told",
    [
        ("compare", ["v1", ""], "B is missing: name a version, as in B=v1."),
        ("compare", [" ", "v1"], "A is missing"),
        ("card", [""], "VERSION is missing"),
        ("compare", ["v1", "v1 "], "A and B are both v1: name two versions."),
    ],
)
def test_what_is_missing_is_named_before_anything_is_started(name, names, told):
    with pytest.raises(OptionsError, match=told):
        required(name, names)


def test_names_are_taken_without_the_white_space_around_them():
    assert required("compare", [" v1", "v2 "]) == ["v1", "v2"]
    assert required("page", []) == []


def test_tables_are_padded_for_a_terminal_and_text_is_left_alone():
    page = "# a | b\n\n| x | long name |\n|---|---|\n| a\\|b | 1 |\n\nend"
    assert aligned(page).splitlines() == [
        "# a | b",
        "",
        "| x    | long name |",
        "| ---- | --------- |",
        "| a\\|b | 1         |",
        "",
        "end",
    ]


def test_a_state_that_was_moved_away_is_made_anew(folder):
    state = State(folder / "moved")
    for _ in range(2):
        state.create()
        with embedded_server(state.postgres) as databases:
            connection = connect(databases["hr"])
            assert fetch_value(connection, "SELECT to_regclass('public.marker')") is None
            execute(connection, "CREATE TABLE public.marker ()")
            connection.commit()
            connection.close()
        state.root.rename(folder / f"kept-{uuid4().hex}")
