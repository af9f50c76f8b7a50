"""What a training uses when its run names nothing: chosen after an experiment, kept in the ledger, or else the setting."""

from dataclasses import asdict, dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import TrainingSettings
from future_skills.database import execute
from future_skills.domain import FeatureSet
from future_skills.ledger.settings import read_setting, write_setting

KEY = "training_default"


@dataclass(frozen=True)
class TrainingDefault:
    """Estimator, preprocessing, hyperparameters and feature set; who chose them, and after which experiment.

    Without `experiment` it is the configured default, which nobody chose.
    """

    estimator: str
    preprocessing: str
    parameters: dict[str, Any]
    feature_set: FeatureSet
    set_by: str | None = None
    experiment: int | None = None

    def __str__(self) -> str:
        """The choice and where it comes from, for logs and pages."""
        origin = f"chosen by {self.set_by or 'the pipeline'} after experiment {self.experiment}"
        chosen = f"{self.estimator}, {self.preprocessing}, {self.feature_set} features"
        return f"{chosen} ({origin if self.experiment else 'the configured default'})"


def chosen_default(connection: Connection) -> TrainingDefault | None:
    """What was chosen and not forgotten, or None."""
    found = read_setting(connection, KEY)
    return TrainingDefault(**found) if found else None


def training_default(connection: Connection, configured: TrainingSettings) -> TrainingDefault:
    """What was chosen, else what is configured."""
    fallback = TrainingDefault(configured.estimator, configured.preprocessing, configured.parameters, configured.feature_set)
    return chosen_default(connection) or fallback


def choose_default(connection: Connection, default: TrainingDefault) -> None:
    """Make it the default of the next trainings, in the caller's transaction."""
    write_setting(connection, KEY, asdict(default), default.set_by)


def forget_default(connection: Connection) -> bool:
    """Return to the configured default, in the caller's transaction; was there anything to forget?"""
    return bool(execute(connection, "DELETE FROM future_skills_ops.setting WHERE key = %s", (KEY,)))
