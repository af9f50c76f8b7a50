"""`.env.example`: every setting with its meaning and its default, written from the settings themselves."""

import json
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from future_skills.config import Settings
from future_skills.secret_files import is_secret
from runtime.deployment_options import DeploymentOptions
from runtime.options import ROOT

PATH = ROOT / ".env.example"
WIDTH = 120
HEAD = (
    "Settings of the product, each with its meaning and its default: variables of the environment in which it runs, or lines of "
    "an env file (docker-compose reads .env). Lists and objects are JSON, durations ISO 8601 (P6D, PT30S). Secrets have no "
    "default: where one is needed and missing, nothing starts. Each may be a file instead, named by the variable with "
    "_FILE behind it. In containers they are files and nothing else: leave their lines here as they are; `make "
    "secrets` makes the files."
)
CONTAINER_DEFAULTS = {"STORE_URI": "/opt/future-skills/state/store"}
"""Where docker-compose.yaml has a default of its own."""


def render() -> str:
    """The text of the file."""
    parts = [_comment(HEAD)]
    sections = [("", Settings)] + [
        (f"{name.upper()}__", field.annotation)
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    sections.append(("", DeploymentOptions))
    for prefix, section in sections:
        title = "The installation." if section is Settings else (section.__doc__ or "").strip().splitlines()[0]
        parts.append(f"# --- {title}\n\n" + "\n".join(_entries(prefix, section)))
    return "\n\n".join(parts) + "\n"


def _entries(prefix: str, section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        variable = f"{prefix}{name}".upper()
        yield f"{_comment(_described(variable, field))}\n# {variable}={_default(field)}"


def secret_name(variable: str) -> str:
    """The name of the secret that docker-compose.yaml gives for a setting."""
    return variable.lower().replace("__", "_")


def _described(variable: str, field: FieldInfo) -> str:
    """The meaning, the values there are when they are few, and what is different in containers."""
    values = " | ".join(value for value in get_args(field.annotation) if isinstance(value, str))
    text = (field.description or "") + (f" ({values})" if values else "")
    if is_secret(field):
        text += f" In containers: the file secrets/{secret_name(variable)}."
    if variable in CONTAINER_DEFAULTS:
        text += f" In containers: {CONTAINER_DEFAULTS[variable]}, in the volume `state`."
    return text


def _default(field: FieldInfo) -> str:
    default: Any = field.get_default(call_default_factory=True)
    if default is None or is_secret(field):
        return ""
    value = to_jsonable_python(default)
    return value if isinstance(default, str | timedelta) else json.dumps(value)


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False)


def main() -> int:
    """Write the file."""
    Path(PATH).write_text(render(), encoding="utf-8")
    print(f"written: {PATH.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
