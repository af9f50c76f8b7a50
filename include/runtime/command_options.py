"""What a command is asked for, from the environment: `make deploy VERSION=v2 REASON="better on Finance"`."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from future_skills.domain import ESTIMATOR_NAMES
from orchestration.forms import FEATURE_SETS, PREPROCESSINGS
from runtime.options import OptionsError


class CommandOptions(BaseSettings):
    """The variables of all commands; each reads its own. Several names are divided by commas."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    model_version: str | None = Field(None, description="Train again with this version's estimator, features and parameters.")
    version: str | None = Field(None, description="The version to evaluate, promote, deploy or return to.")
    estimator: str | None = Field(None, description=f"One of {', '.join(ESTIMATOR_NAMES)}.")
    preprocessing: str | None = Field(None, description="target or onehot.")
    feature_set: str | None = Field(None, description="core or extended.")
    parameters: dict[str, Any] | None = Field(None, description='Hyperparameters as JSON: {"n_estimators": 300}.')
    dataset: str | None = Field(None, description="Id of a dataset to work on, instead of a new or the newest one.")
    as_of: date | None = Field(None, description="The day the data speaks of.")
    estimators: str | None = Field(None, description="Estimators to compare.")
    preprocessings: str | None = Field(None, description="Preprocessings to compare.")
    feature_sets: str | None = Field(None, description="Feature sets to compare.")
    batch: str | None = Field(None, description="Id of a prediction batch.")
    answer: Literal["approve", "reject"] | None = Field(None, description="What an HR manager decides.")
    digest: str | None = Field(None, description="SHA-256 of the model that an answer is about, or its beginning.")
    reason: str | None = Field(None, description="Why; kept in the record.")


CHOICES: dict[str, tuple[str, Sequence[str]]] = {
    "estimator": ("estimator", ESTIMATOR_NAMES),
    "estimators": ("estimator", ESTIMATOR_NAMES),
    "preprocessing": ("preprocessing", PREPROCESSINGS),
    "preprocessings": ("preprocessing", PREPROCESSINGS),
    "feature_set": ("feature set", FEATURE_SETS),
    "feature_sets": ("feature set", FEATURE_SETS),
}
"""Options that name one, or several, of what there is."""
SEVERAL = {"estimators", "preprocessings", "feature_sets"}


def value_of(options: CommandOptions, name: str) -> Any:
    """An option as a run's form takes it, None when it is left out. Raises OptionsError for a name there is not."""
    value = getattr(options, name)
    if value is None or name not in CHOICES:
        return value.isoformat() if isinstance(value, date) else value
    what, known = CHOICES[name]
    names = list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [one for one in names if one not in known]
    if unknown:
        raise OptionsError(f"There is no {what} {', '.join(unknown)}; there are {', '.join(known)}.")
    if name in SEVERAL:
        return names or None
    if len(names) > 1:
        raise OptionsError(f"{name.upper()} takes one name, not {value}.")
    return names[0] if names else None
