"""What `make run` was asked for: its own few options, beside the product's settings."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from future_skills.config import Settings
from future_skills.domain import FutureSkillsError
from future_skills.dsn import read_dsn
from future_skills.hr.company import Company, InterchangeError
from future_skills.hr.demo import generate_company
from future_skills.hr.interchange import read_company
from future_skills.secret_files import SettingsWithSecretFiles
from future_skills.store.artifacts import Store
from orchestration.hr_connections import hr_connection_json
from runtime.state import State

ROOT = Path(__file__).parents[2]
DEMO = "demo"
EXISTING = "existing-"


SETTINGS_ERRORS = (ValidationError, SettingsError)
"""What reading a wrong setting raises."""


def ended_in_words(command: Callable[[], int]) -> int:
    """The exit code of a command; of one that raises an error meant for people 1, and the error is printed as one sentence."""
    try:
        return command()
    except (FutureSkillsError, *SETTINGS_ERRORS) as error:
        print(f"Error: {in_words(error)}", file=sys.stderr)
        return 1


def show(lines: Iterable[str]) -> int:
    """Print the lines; the exit code of what went well."""
    for line in lines:
        print(line)
    return 0


class OptionsError(FutureSkillsError):
    """Options that contradict each other."""


class RunOptions(SettingsWithSecretFiles):
    """Options of the local runtime, from the environment (`make run DATA=... PORT=...`)."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    data: str | None = Field(None, description="demo, or a folder in the interchange format.")
    port: int = Field(8080, ge=1024, le=65_535, description="Port of the Airflow UI, on loopback.")
    hr_dashboard_dsn: SecretStr | None = Field(
        None,
        description="The database of HR_DSN through the role future_skills_dashboard, percent-encoded; empty: the dashboard "
        "reads nothing.",
    )
    chain_timeout: int = Field(3_600, ge=1, description="Seconds after which a chain that has not ended counts as timed out.")
    state_dir: Path = Field(ROOT / "var", description="Folder of the local state.")

    def company_name(self, settings: Settings) -> str:
        """The company whose state this is: demo, the data folder's parent, or the existing database.

        Raises OptionsError when DATA and HR_DSN are both given, DsnError when HR_DSN cannot be read, InterchangeError when DATA
        is no folder.
        """
        if settings.hr_dsn is not None:
            if self.data is not None:
                raise OptionsError("DATA is loaded into the embedded database only: leave out DATA, or leave out HR_DSN.")
            return f"{EXISTING}{database_name(settings.hr_dsn.get_secret_value())}"
        if self.data in {None, DEMO}:
            return DEMO
        folder = Path(str(self.data)).expanduser()
        if not folder.is_dir():
            raise InterchangeError(
                f"DATA={self.data} is no folder; it is `demo` or a folder in the format of docs/data-format.md."
            )
        name = folder.resolve().parent.name
        if name in {"", DEMO} or name.startswith(EXISTING):
            raise InterchangeError(
                f"DATA={self.data}: the parent folder names the company, and {name!r} cannot be its name. "
                "Put the files into <company>/<release>/."
            )
        return name

    def require_dsns(self, settings: Settings) -> None:
        """Raise DsnError or SeveralServersError when HR_DSN or HR_DASHBOARD_DSN is wrong; the embedded database needs neither."""
        if settings.hr_dsn is None:
            return
        hr_connection_json(settings.hr_dsn.get_secret_value())
        if self.hr_dashboard_dsn is not None:
            hr_connection_json(self.hr_dashboard_dsn.get_secret_value(), "HR_DASHBOARD_DSN")

    def state(self, settings: Settings) -> State:
        """The state folder of that company. Raises what `company_name` raises."""
        return State(self.state_dir.absolute() / self.company_name(settings))

    def store(self, settings: Settings) -> Store:
        """The artefact store: where STORE_URI says, else in the state folder of that company. Raises as `company_name`."""
        return Store.open(self.store_uri(settings))

    def store_uri(self, settings: Settings) -> str:
        """Where that artefact store is. Raises as `company_name`."""
        return os.environ.get("STORE_URI") or str(self.state(settings).store)

    def read_company(self) -> Company:
        """The data to load into the embedded database. Raises InterchangeError."""
        return generate_company() if self.data in {None, DEMO} else read_company(Path(str(self.data)).expanduser())


def database_name(dsn: str) -> str:
    """The database a DSN names. Raises DsnError, without the DSN's text, when it cannot be read."""
    fields = read_dsn(dsn)
    return str(fields.get("dbname") or fields.get("user") or "postgres")


def in_words(error: Exception) -> str:
    """An error for people; of a wrong setting its name and what it should be, never its value."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'__'.join(map(str, one['loc'])).upper()}: {one['msg']}" if one["loc"] else one["msg"].removeprefix("Value error, ")
        for one in error.errors(include_input=False)
    )
