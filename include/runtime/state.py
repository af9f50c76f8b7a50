"""The folder that holds one company's local state: databases, artefacts, mails, logs, secrets; and the lock on it."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from future_skills.domain import FutureSkillsError

USERS: tuple[tuple[str, str], ...] = (
    ("admin", "Admin"),
    ("scientist", "DataScientist"),
    ("drh.one", "DRHManager"),
    ("drh.two", "DRHManager"),
    ("devops", "DevOps"),
    ("developer", "Developer"),
)
"""Demo users of the local run: name and role."""
SECRET_NAMES = ("api_secret_key", "jwt_secret", "signing_key")


class StateBusyError(FutureSkillsError):
    """Another process works with this state."""


class StateUnwritableError(FutureSkillsError):
    """The state folder cannot be written."""


@dataclass(frozen=True)
class Secrets:
    """Generated once for a local state: Airflow's keys, the signing key, a password per demo user."""

    fernet_key: str
    api_secret_key: str
    jwt_secret: str
    signing_key: str
    passwords: dict[str, str]


@dataclass(frozen=True)
class State:
    """A company's state folder."""

    root: Path

    @property
    def postgres(self) -> Path:
        """Data folder of the embedded PostgreSQL."""
        return self.root / "postgres"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME: configuration and task logs."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """Logs of the processes."""
        return self.root / "logs"

    @property
    def store(self) -> Path:
        """The artefact store."""
        return self.root / "store"

    @property
    def mail(self) -> Path:
        """Mails, one .eml file each."""
        return self.root / "mail"

    @property
    def processes(self) -> Path:
        """What was started and not yet stopped."""
        return self.root / "processes.json"

    def create(self) -> None:
        """Make the folders; those of Airflow, logs and mails are open to this user alone. Raises StateUnwritableError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.airflow, self.logs, self.mail):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)  # an earlier version left it as the system makes folders
        except OSError as error:
            raise StateUnwritableError(f"{self.root} cannot be written ({error.strerror}): give this user the right.") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the state alone. Raises StateBusyError, naming the process that holds it."""
        self.create()
        with (self.root / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise StateBusyError(
                    f"Another run works with {self.root} (process {file.read().strip()}): stop it with Ctrl-C there, or wait."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    @property
    def has_secrets(self) -> bool:
        """Was anything started in this state yet?"""
        return (self.root / "secrets.json").exists()

    def secrets(self) -> Secrets:
        """The secrets of this state, generated at first sight and readable by this user alone."""
        path = self.root / "secrets.json"
        if not self.has_secrets:
            draft = path.with_suffix(".draft")
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(_generate(), file, indent=2)
            draft.rename(path)
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))


def _generate() -> dict[str, object]:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - only the first run needs it

    return {
        "fernet_key": Fernet.generate_key().decode(),
        **{name: secrets.token_hex(32) for name in SECRET_NAMES},
        "passwords": {name: secrets.token_urlsafe(9) for name, _ in USERS},
    }
