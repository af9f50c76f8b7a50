"""Secrets from files: for every secret setting NAME, the environment may give NAME_FILE, the path of a file that holds it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsError

SUFFIX = "_FILE"


def read_secret_file(variable: str, path: str) -> str:
    """The content, without the line's end; empty means not set. Raises SettingsError, naming the variable."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"{variable}: the secret cannot be read from {path}: {reason}.") from None


def secret_from(environment: Mapping[str, str], name: str) -> str:
    """The value of `name`, or the content of the file that NAME_FILE names; empty when neither is set.

    Raises SettingsError when both are set, or the file cannot be read.
    """
    value, path = environment.get(name, ""), environment.get(name + SUFFIX, "")
    if value and path:
        raise SettingsError(f"{name} and {name}{SUFFIX} are both set: give one of them.")
    return read_secret_file(name + SUFFIX, path) if path else value


def is_secret(field: FieldInfo) -> bool:
    """Is the field's value, or a part of it, secret?"""
    return "SecretStr" in repr(field.annotation)


def _secret_variables(section: type[BaseModel], prefix: str) -> Iterator[str]:
    """The variables, in capitals, that give the secrets of the settings and their sections."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _secret_variables(field.annotation, f"{prefix}{name.upper()}__")
        elif is_secret(field):
            yield f"{prefix}{name.upper()}"


class _SecretFiles(EnvSettingsSource):
    """The settings' environment as if each NAME_FILE of a secret were NAME with the file's content."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        given = {name.upper(): value for name, value in self.env_vars.items() if value}
        names = _secret_variables(settings_cls, self.env_prefix.upper())
        secrets = {name: secret_from(given, name) for name in names if given.get(name + SUFFIX)}
        self.env_vars = {name.lower(): value for name, value in secrets.items() if value}


class SettingsWithSecretFiles(BaseSettings):
    """Settings whose secrets may come from files."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the base class's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First what the caller gives, then the environment, then files that it names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)
