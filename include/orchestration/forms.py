"""Forms that are longer than a line: what a person may choose when starting a run."""

from airflow.sdk import Param

from future_skills.domain import ESTIMATOR_NAMES

TEXT = ["null", "string"]
PREPROCESSINGS = ["target", "onehot"]
FEATURE_SETS = ["core", "extended"]
DEFAULT = "as always (the chosen default, else the setting)"


def _several(default: list[str], offered: list[str], **labels: str) -> Param:
    """A field in which several of `offered` may be chosen."""
    return Param(default, type="array", items={"type": "string", "enum": offered}, examples=offered, uniqueItems=True, **labels)


def _one_or(nothing: str, offered: list[str], **labels: str) -> Param:
    """A field in which one of `offered` may be chosen, or none of them, which the form shows as `nothing`."""
    return Param(None, type=TEXT, enum=[None, *offered], values_display={"null": nothing}, **labels)


RETRAINING_FORM = {
    "estimator": _one_or(DEFAULT, [*ESTIMATOR_NAMES], title="Estimator"),
    "preprocessing": _one_or(DEFAULT, PREPROCESSINGS, title="Preprocessing of text columns"),
    "feature_set": _one_or(DEFAULT, FEATURE_SETS, title="Features: core, or also what similar roles need"),
    "parameters": Param({}, type="object", title="Hyperparameters", description='JSON, such as {"n_estimators": 300}'),
    "as_of": Param(None, type=TEXT, format="date", title="As of (default: the day of the run)"),
    "dataset_id": Param(None, type=TEXT, title="Train on this dataset instead of exporting one"),
    "only_evaluate": Param(False, type="boolean", title="Train nothing: evaluate and judge an existing version"),
    "version": Param(None, type=TEXT, title="The version to evaluate (default: the newest), or to train again as"),
    "refresh": Param(False, type="boolean", title="Refresh: a version not worse than the deployed one may replace it"),
    "report_id": Param(None, type=["null", "integer"], title="Set by the drift DAG: the report that asks"),
}

EXPERIMENT_FORM = {
    "estimators": _several(
        ["random_forest", "logistic_regression", "ridge", "hist_gradient_boosting"],
        [*ESTIMATOR_NAMES],
        title="Estimators to compare",
    ),
    "preprocessings": _several(["target"], PREPROCESSINGS, title="Preprocessings of text columns"),
    "feature_sets": _several(["core", "extended"], FEATURE_SETS, title="Feature sets (extended: also what similar roles need)"),
    "parameters": Param(
        {},
        type="object",
        title="Hyperparameters by estimator",
        description='JSON, such as {"random_forest": {"n_estimators": 300}}',
    ),
    "dataset_id": Param(None, type=TEXT, title="Dataset (default: the newest)"),
    "use_recommended": Param(False, type="boolean", title="Make the recommended one the default of the next trainings"),
    "use": _one_or(
        "change no default",
        [*ESTIMATOR_NAMES],
        title="Or make this one the default, with the preprocessing and features it is best with",
    ),
    "forget_default": Param(
        False, type="boolean", title="Compare nothing: forget the chosen default, return to the configured one"
    ),
}
