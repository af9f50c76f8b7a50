"""What a run of the retraining asks for, and which version it leads to: trained now, found, or none this week."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.domain import FeatureSet
from future_skills.ledger.chains import Origin, record_stage
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.training_default import TrainingDefault, training_default
from future_skills.ledger.versions import EvaluationRow, UnknownVersionError, VersionRow, champion, get_version, list_versions
from future_skills.model.evaluation import evaluate_version
from future_skills.model.training import TrainingRequest, find_trained, train_version
from future_skills.registry.candidates import refresh_mode
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetrainingOrder:
    """One run's wishes; None stands for the installation's default. `run_id` makes a repeated task find what it made.

    `version` is the one to evaluate (`only_evaluate`), or the one whose configuration is trained again.
    """

    origin: Origin
    run_id: str
    requested_by: str | None = None
    estimator: str | None = None
    preprocessing: str | None = None
    feature_set: FeatureSet | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    dataset_id: str | None = None
    version: str | None = None
    only_evaluate: bool = False
    refresh: bool = False


def existing_dataset(connection: Connection, order: RetrainingOrder) -> str | None:
    """The dataset the order works on, or None when a new one is to be exported.

    Raises UnknownDatasetError or UnknownVersionError for a name the ledger does not have.
    """
    with connection:
        if order.only_evaluate:
            return _version_to_evaluate(connection, order).dataset_id
        if order.version:
            get_version(connection, order.version)
        return get_dataset(connection, order.dataset_id).dataset_id if order.dataset_id else None


def _version_to_evaluate(connection: Connection, order: RetrainingOrder) -> VersionRow:
    if order.version:
        return get_version(connection, order.version)
    versions = list_versions(connection)
    if not versions:
        raise UnknownVersionError("There is no model version to evaluate yet: run the retraining without only_evaluate.")
    return versions[0]


def training_due(connection: Connection, settings: Settings, order: RetrainingOrder, now: datetime) -> bool:
    """Does TRAINING_CADENCE want a training now? A person, drift, and an installation without a champion always get one."""
    if order.origin != "schedule" or settings.training_cadence == "weekly":
        return True
    with connection:
        if champion(connection) is None:
            return True
        versions = list_versions(connection)
    if settings.training_cadence == "on_drift":
        return False
    newest = versions[0].created_at.astimezone(UTC)
    return (newest.year, newest.month) != (now.year, now.month)


def version_for(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, order: RetrainingOrder, dataset_id: str
) -> VersionRow | None:
    """The version to evaluate: the one named, one trained now, or None when no training is due.

    Drift never trains the same configuration on the same dataset twice: it takes the version that exists.
    Raises what `train_version` raises.
    """
    if order.only_evaluate:
        with connection:
            return _version_to_evaluate(connection, order)
    if not training_due(connection, settings, order, datetime.now(UTC)):
        with connection:
            record_stage(connection, dataset_id, "training", "not due", cadence=settings.training_cadence)
        return None
    with connection:
        request = _request(connection, settings, order, dataset_id)
    if order.origin == "drift":
        with connection:
            found = find_trained(connection, request)
            if found:
                return get_version(connection, found)
    return train_version(connection, store, keys, settings, request)


def _request(connection: Connection, settings: Settings, order: RetrainingOrder, dataset_id: str) -> TrainingRequest:
    """The order, then the version it repeats or else the default; hyperparameters go with their estimator only."""
    default = _repeated(connection, order.version) if order.version else training_default(connection, settings.training)
    estimator = order.estimator or default.estimator
    own = next((one.parameters for one in (default, settings.training) if one.estimator == estimator), {})
    named = [name for name in ("estimator", "preprocessing", "parameters", "feature_set") if getattr(order, name)]
    fallback = f"it repeats {order.version}" if order.version else f"the default is {default}"
    logger.info("%s; %s.", f"The run names its {', '.join(named)}" if named else "The run names nothing", fallback)
    preprocessing, feature_set = _encoding(order, default)
    return TrainingRequest(
        dataset_id=dataset_id,
        request_key=f"{order.run_id}/{dataset_id}",
        estimator=estimator,
        preprocessing=preprocessing,
        parameters=order.parameters or own,
        feature_set=feature_set,
        requested_by=order.requested_by,
    )


def _repeated(connection: Connection, version: str) -> TrainingDefault:
    row = get_version(connection, version)
    return TrainingDefault(row.estimator, row.preprocessing, row.parameters, row.feature_set)


def _encoding(order: RetrainingOrder, default: TrainingDefault) -> tuple[str, FeatureSet]:
    """Preprocessing and feature set; what the run names wins over a default that does not go with it."""
    if order.feature_set == "extended":
        return order.preprocessing or "target", "extended"
    if order.preprocessing == "onehot":
        return "onehot", order.feature_set or "core"
    return order.preprocessing or default.preprocessing, order.feature_set or default.feature_set


def evaluate_order(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, order: RetrainingOrder, version: str
) -> EvaluationRow:
    """Evaluate the version, in refresh mode when the order or the champion's state asks for it."""
    with connection:
        row, reigning = get_version(connection, version), champion(connection)
        dataset = get_dataset(connection, row.dataset_id)
        mode = refresh_mode(connection, settings, reigning, dataset, row.libraries, asked=order.refresh)
    key = f"{order.run_id}/{version}"
    return evaluate_version(connection, store, keys, settings, version, request_key=key, mode=mode)
