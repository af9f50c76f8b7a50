"""Accounts that the environment names: the demo users of the local run, or an installation's first people."""

import os
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError, model_validator
from pydantic_settings import SettingsError

from future_skills.domain import FutureSkillsError
from future_skills.secret_files import secret_from
from orchestration.roles import Role

DEMO_USERS: Final = "FUTURE_SKILLS_DEMO_USERS"
"""Accounts of the local run, as JSON; each run gives them their role and password again."""
USERS: Final = "FUTURE_SKILLS_USERS"
"""Accounts of an installation, as JSON; a person's own password stays once the account exists."""


class AccountError(FutureSkillsError):
    """The environment names an account that cannot be."""


class Account(BaseModel):
    """A person's account: a role of the product or Admin, and a first password, given itself or as a file that holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role | Literal["Admin"]
    email: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give either password or password_file")
        return self

    @property
    def address(self) -> str:
        """The e-mail address; FAB wants one that nobody else has."""
        return self.email or f"{self.name}@example.com"

    def first_password(self) -> str:
        """The password, without the line's end of its file. Raises AccountError when there is none."""
        if self.password is not None:
            return self.password.get_secret_value()
        try:
            text = Path(str(self.password_file)).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise AccountError(
                f"The password of {self.name} cannot be read from {self.password_file}: {error.strerror}."
            ) from None
        if not text:
            raise AccountError(f"The password file of {self.name}, {self.password_file}, is empty.")
        return text


def accounts(variable: str) -> list[Account]:
    """The accounts of an environment variable, or of the file that it names with _FILE behind it; none when neither is set.

    Raises AccountError, without any value in it, when it is no list of accounts.
    """
    try:
        return TypeAdapter(list[Account]).validate_json(secret_from(os.environ, variable) or "[]")
    except SettingsError as error:
        raise AccountError(str(error)) from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise AccountError(f"{variable} is no list of accounts as docs/permissions.md describes it: {wrong}") from None
