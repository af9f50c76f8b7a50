"""Under which account of the machine the embedded PostgreSQL runs: PostgreSQL refuses root.

Any other user runs it directly. Root runs it in a user namespace of its own: there the process has an ordinary user id and no
capability, while every file stays root's, so that no account is made and no folder has to be opened for another user. Where
namespaces are forbidden (containers, mostly), an ordinary account runs it with the one capability to reach its files.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from future_skills.domain import FutureSkillsError

OVERFLOW_USER = Path("/proc/sys/kernel/overflowuid")
MAP = "started_it"
"""The name by which pg_ident.conf maps whoever started the server to its roles."""
FILE_ACCESS = "-all,+dac_override"


class NoServerAccountError(FutureSkillsError):
    """No account of this machine can run the embedded PostgreSQL."""


@dataclass(frozen=True)
class ServerAccount:
    """How the server's programs are started.

    `command` stands before each program. `owner` is the user id whose the data folder has to be, as this process sees it.
    `client` is the name under which the server sees whoever connects from an account of this process.
    """

    command: tuple[str, ...]
    owner: int
    client: str


def server_account(folder: Path, programs: Path) -> ServerAccount:
    """The account of this process, or what stands in for root, that can write a data folder and run PostgreSQL's programs.

    Raises NoServerAccountError.
    """
    user = os.geteuid()
    if user != 0:
        return ServerAccount(command=(), owner=user, client=_name_of(user))
    stand_in = _ordinary_account()
    namespace = ("unshare", "--user", f"--map-user={stand_in.pw_uid}", f"--map-group={stand_in.pw_gid}", "--")
    if _can_start(namespace, folder, programs):
        return ServerAccount(command=namespace, owner=0, client=stand_in.pw_name)
    capable = (
        *("setpriv", f"--reuid={stand_in.pw_uid}", f"--regid={stand_in.pw_gid}", "--clear-groups", "--no-new-privs"),
        *(f"--inh-caps={FILE_ACCESS}", f"--ambient-caps={FILE_ACCESS}", "--"),
    )
    if _can_start(capable, folder, programs):
        return ServerAccount(command=capable, owner=stand_in.pw_uid, client=_name_of(0))
    raise NoServerAccountError(
        "PostgreSQL does not run as root, and this machine lets root start it neither in a user namespace (unshare) "
        "nor as another account (setpriv): run the same command as an ordinary user."
    )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        raise NoServerAccountError(
            f"The user id {user} has no name on this machine, and PostgreSQL asks for one: "
            "add a line for it to /etc/passwd, or run the same command as a user who has one."
        ) from None


def _ordinary_account() -> pwd.struct_passwd:
    """An account that is neither root nor the one the kernel shows for users it does not know in a namespace.

    The server would take a stranger for that last one.
    """
    unknown = int(OVERFLOW_USER.read_text(encoding="ascii")) if OVERFLOW_USER.exists() else 65_534
    for account in sorted(pwd.getpwall(), key=lambda account: account.pw_uid):
        if account.pw_uid not in {0, unknown} and account.pw_gid not in {0, unknown}:
            return account
    raise NoServerAccountError("PostgreSQL does not run as root, and this machine has no other account: add one (useradd).")


def _can_start(command: tuple[str, ...], folder: Path, programs: Path) -> bool:
    """Does this machine let us start PostgreSQL so, with its data folder there?

    In a namespace root has no right over what belongs to others: below another user's private home it cannot.
    """
    if shutil.which(command[0]) is None:
        return False
    there = next(parent for parent in folder.parents if parent.exists())  # the folder itself is given to whoever starts it
    version = [*command, str(programs / "postgres"), "--version"]
    writable = [*command, "sh", "-c", 'test -w "$1" && test -x "$1"', "sh", str(there)]
    return all(subprocess.run(probe, capture_output=True, check=False).returncode == 0 for probe in (version, writable))
