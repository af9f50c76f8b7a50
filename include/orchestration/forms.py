"""Forms that are longer than a line: what a person may choose when starting a run."""

from airflow.sdk import Param

from future_skills.domain import ESTIMATOR_NAMES

TEXT = ["null", "string"]

RETRAINING_FORM = {
    "estimator": Param(None, type=TEXT, enum=[None, *ESTIMATOR_NAMES], title="Estimator (default: the setting)"),
    "preprocessing": Param(None, type=TEXT, enum=[None, "target", "onehot"], title="Preprocessing of text columns"),
    "parameters": Param({}, type="object", title="Hyperparameters", description='JSON, such as {"n_estimators": 300}'),
    "as_of": Param(None, type=TEXT, format="date", title="As of (default: the day of the run)"),
    "dataset_id": Param(None, type=TEXT, title="Train on this dataset instead of exporting one"),
    "only_evaluate": Param(False, type="boolean", title="Train nothing: evaluate and judge an existing version"),
    "version": Param(None, type=TEXT, title="The version to evaluate (default: the newest)"),
    "refresh": Param(False, type="boolean", title="Refresh: a version not worse than the deployed one may replace it"),
    "report_id": Param(None, type=["null", "integer"], title="Set by the drift DAG: the report that asks"),
}
