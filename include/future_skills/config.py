"""Settings: one class, read from the environment, validated, each with its meaning.

Nested sections use a double underscore: `GATE__MINIMUM_ROLES=20`. Secrets may be files: `HR_DSN_FILE=/run/secrets/hr_dsn`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from future_skills.domain import ESTIMATOR_NAMES, FeatureSet, Language, PairScope
from future_skills.secret_files import SettingsWithSecretFiles

MailAddress = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _known_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone: name it as in Europe/Paris or UTC")
    return name


TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
Count = Annotated[int, Field(ge=0)]
Threshold = Annotated[float, Field(ge=0)]
Duration = Annotated[timedelta, Field(ge=timedelta(0))]


class Section(BaseModel):
    """Settings that belong together. A threshold that is no finite number would let everything pass, or nothing."""

    model_config = ConfigDict(allow_inf_nan=False, hide_input_in_errors=True)


class TrainingSettings(Section):
    """What a training uses when a run names nothing else."""

    estimator: str = Field("random_forest", description=f"One of {', '.join(ESTIMATOR_NAMES)}.")
    preprocessing: Literal["target", "onehot"] = Field("target", description="How text columns become numbers.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Hyperparameters of the estimator, as JSON.")
    feature_set: FeatureSet = Field(
        "core", description="core: the 11 columns the HR application knows; extended: also what similar roles need."
    )
    implicit_ratio: float = Field(1.0, ge=0, description="Undecided pairs sampled as LOW, per decided row.")
    implicit_weight: Fraction = Field(0.5, description="Sample weight of an implicit row; a decided row has 1.")
    maximum_rows: int = Field(
        200_000, ge=1_000, description="Rows a fit takes at most; of more, a weighted sample by level (bounds memory)."
    )
    folds: int = Field(5, ge=2, description="Groups of job roles in cross-validation.")
    random_state: int = Field(42, description="Seed of everything that samples or shuffles.")

    @model_validator(mode="after")
    def _one_encoding(self) -> Self:
        if self.feature_set == "extended" and self.preprocessing != "target":
            raise ValueError("the extended feature set encodes text in its own way: preprocessing onehot is for core")
        return self


class DatasetSettings(Section):
    """What makes an export acceptable."""

    minimum_roles: int = Field(2, ge=1, description="Fewer job roles than this fail the contract.")
    minimum_skills: int = Field(2, ge=1, description="Fewer skills than this fail the contract.")
    quarantine_budget: Fraction = Field(0.02, description="Largest share of bad rows of one source table.")
    largest_drop: Fraction = Field(0.5, description="A source table may not shrink below this share of the last one.")
    minimum_decided_pairs: Count = Field(200, description="Fewer decided pairs: all horizons, then bootstrap labels.")
    minimum_pairs_per_class: Count = Field(20, description="Two classes need as many, or the labels are too few.")


class GateSettings(Section):
    """Every threshold of the promotion gate."""

    mode: Literal["enforce", "dry_run"] = Field("enforce", description="dry_run: verdicts are recorded, nothing follows.")
    minimum_roles: Count = Field(20, description="Held-out roles needed for the holdout; fewer: cross-validation.")
    minimum_high: Count = Field(20, description="Decided HIGH pairs needed there.")
    insufficient_roles: Count = Field(10, description="Fewer roles than this even in cross-validation: insufficient.")
    ap_high_over_base: Threshold = Field(2.0, description="AP(HIGH) must reach this multiple of its base rate.")
    macro_f1_over_majority: Threshold = Field(0.10, description="Macro-F1 must exceed the majority's by this much.")
    refresh_margin: Threshold = Field(0.02, description="In refresh mode the interval's lower end may be this far below 0.")
    refresh_after: Duration = Field(timedelta(weeks=8), description="A champion older than this is refreshed.")
    slice_minimum_rows: Count = Field(200, description="Decided rows a department needs to be judged on its own.")
    slice_minimum_high: Count = Field(10, description="HIGH rows a department needs to be judged on its own.")
    slice_ap_high_over_base: Threshold = Field(1.0, description="AP(HIGH) of such a department, over its base rate.")
    resamples: int = Field(2_000, ge=100, description="Bootstrap resamples of roles behind a 95 % interval.")


class PredictionSettings(Section):
    """How predictions are scored and published."""

    shards: int = Field(8, ge=1, le=32, description="Parts a batch is scored in, at most.")
    smallest_shard: int = Field(50_000, ge=1, description="Pairs below which a part of its own is not worth its start.")
    parallel_shards: int = Field(2, ge=1, description="Shards of one batch scored at the same time.")
    chunk_rows: int = Field(100_000, ge=1_000, description="Rows scored at once; bounds memory.")
    largest_delete: Fraction = Field(0.05, description="Deleting more than this share of our rows fails the audit.")
    largest_level_shift: Fraction = Field(0.25, description="A level share may move by this much between two batches.")
    change_score: Threshold = Field(5.0, description="A score moved by this much is kept in prediction_change.")
    lock_timeout: timedelta = Field(
        timedelta(seconds=30), ge=timedelta(milliseconds=1), description="Wait for the HR application's locks."
    )
    sample_rows: Count = Field(50_000, description="Rows of each batch kept for drift reports.")
    monitoring_rows: Count = Field(2_000, description="Lines of each batch written to the monitoring log.")


class DriftSettings(Section):
    """Thresholds of the drift report and of retraining."""

    numeric_threshold: Threshold = Field(0.1, description="Normed Wasserstein distance of a feature column.")
    categorical_threshold: Threshold = Field(0.1, description="Jensen-Shannon distance of a feature column.")
    level_threshold: Threshold = Field(0.05, description="Jensen-Shannon distance of predicted levels.")
    target_threshold: Threshold = Field(0.05, description="Jensen-Shannon distance of decided levels.")
    score_threshold: Threshold = Field(0.1, description="Normed Wasserstein distance of scores.")
    column_share: Fraction = Field(0.3, description="Share of drifted feature columns that makes a report drift.")
    retrain_drifted: int = Field(2, ge=1, description="Drifted datasets among the last `retrain_window` that ask for it.")
    retrain_window: int = Field(3, ge=1, description="Datasets looked at.")
    retrain_cooldown: Duration = Field(timedelta(days=7), description="At most one automatic retraining in this time.")
    retrain_budget: int = Field(2, ge=0, description="Automatic retrainings in 30 days; then a person is asked.")
    application_log: str | None = Field(None, description="The HR application's predictions_monitoring.jsonl, to watch it too.")
    application_log_days: int = Field(7, ge=1, description="Days of it that are compared.")
    application_log_time_zone: TimeZone = Field("UTC", description="Time zone of its lines, such as Europe/Paris.")
    decay_weeks: int = Field(8, ge=1, description="Weeks of HR's new decisions that a model is judged on.")
    decay_minimum_decisions: Count = Field(100, description="Fewer new decisions raise no decay alert.")
    decay_minimum_high: Count = Field(10, description="Fewer HIGH among them say nothing about AP(HIGH).")
    decay_ap_high_kept: Fraction = Field(0.5, description="Share of the evaluation's AP(HIGH) above chance that must remain.")
    decay_macro_f1_lost: Fraction = Field(0.15, description="Macro-F1 that may be lost since the evaluation.")


class MailSettings(Section):
    """Where mails go, and through which server."""

    host: str = Field("127.0.0.1", description="SMTP server.")
    port: int = Field(25, ge=1, le=65_535, description="Its port.")
    user: str | None = Field(None, description="Login, if it asks for one.")
    password: SecretStr | None = Field(None, description="Its password.")
    security: Literal["none", "starttls", "tls"] = Field(
        "none", description="Encryption. starttls: after the greeting (port 587); tls: from the first byte (port 465)."
    )
    ca_file: Path | None = Field(None, description="Certificates that sign the server's, where it is not a public authority.")
    timeout: float = Field(30.0, gt=0, description="Seconds for each answer of the server; then its mail waits.")
    sender: MailAddress = Field("future-skills@example.com", description="The From address.")
    data_scientists: list[MailAddress] = Field(default_factory=list, description="Drift, data alarms, gate rejections.")
    drh_managers: list[MailAddress] = Field(default_factory=list, description="Approval requests, weekly digest.")
    devops: list[MailAddress] = Field(default_factory=list, description="Failures, late chains, deployments.")

    @model_validator(mode="before")
    @classmethod
    def _encryption_is_never_lost(cls, given: Any) -> Any:
        """An installation that asked for STARTTLS by the older name must not send in the open for it."""
        if isinstance(given, dict) and "starttls" in given:
            raise ValueError("MAIL__STARTTLS is called MAIL__SECURITY now: starttls where it was true, none where it was false")
        return given


class RetentionSettings(Section):
    """How long what grows with every run is kept."""

    task_logs: timedelta = Field(
        timedelta(days=90),
        ge=timedelta(days=1),
        description="Logs of these DAGs' tasks in Airflow's base_log_folder.",
    )
    files: timedelta | None = Field(
        None,
        ge=timedelta(days=60),
        description="Datasets, batches, reports, experiments, models in the store that nothing needs any more; empty: for good.",
    )


class Settings(SettingsWithSecretFiles):
    """All settings of the product. Construct it anew to read the environment again."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__", extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    hr_dsn: SecretStr | None = Field(None, description="An existing HR database, percent-encoded; empty: the embedded one.")
    store_uri: str = Field("var/store", description="Artefact store: a folder, file://... or s3://...")
    signing_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description='Keys that sign artefacts, as JSON: {"key id": "secret of 32 characters or more"}.'
    )
    signing_key_id: str = Field("k1", description="The key that signs; the others only verify.")
    horizon_years: int = Field(5, ge=1, le=50, description="The one horizon this installation predicts.")
    pair_scope: PairScope = Field("all", description="all: every role x every skill; evidence: only pairs with a trace.")
    approval: Literal["required", "auto"] = Field("required", description="Does an HR manager approve each model?")
    deploy: Literal["manual", "auto"] = Field("manual", description="Does DevOps deploy an approved model by hand?")
    publish: Literal["on", "off"] = Field("on", description="off: everything runs, no prediction is written.")
    first_publish: Literal["yes", "no"] = Field("no", description="yes: the first publication to HR_DSN may happen.")
    training_cadence: Literal["weekly", "monthly", "on_drift"] = Field("weekly", description="When to train.")
    weekly_schedule: str = Field("0 2 * * 1", pattern=r"^(@\w+|\S+( \S+){4})$", description="Cron of the weekly chain, UTC.")
    approval_expiry: timedelta = Field(
        timedelta(days=6), gt=timedelta(0), description="An unanswered approval counts as rejected."
    )
    future_skills_language: Language = Field("en", description="Language of rationales, explanations and mails.")
    threads: int = Field(2, ge=1, description="Threads of one process in fit and predict.")
    base_url: str = Field(
        "http://127.0.0.1:8080", pattern=r"^https?://\S+$", description="Airflow's address, for links in mails."
    )
    deploy_hook: str | None = Field(None, description="Command run after a deployment, to restart the HR application.")
    hr_pointer: Literal["on", "off"] | None = Field(
        None,
        description="on: each deployment writes the files from which the HR application loads the model (docs/deployment.md says "
        "what that risks); off: it does not; empty: off, but files that are there already are kept up to date.",
    )

    training: TrainingSettings = TrainingSettings()
    dataset: DatasetSettings = DatasetSettings()
    gate: GateSettings = GateSettings()
    prediction: PredictionSettings = PredictionSettings()
    drift: DriftSettings = DriftSettings()
    mail: MailSettings = MailSettings()
    retention: RetentionSettings = RetentionSettings()

    @model_validator(mode="after")
    def _somebody_approves(self) -> Self:
        if self.hr_dsn is not None and self.approval == "auto":
            raise ValueError(
                "APPROVAL=auto is for the embedded database alone: with HR_DSN an HR manager approves each model. Leave APPROVAL "
                "out, or set it to required"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Is the HR database the embedded one, which we may create tables in?"""
        return self.hr_dsn is None


SQL_FOLDER = Path(__file__).parents[1] / "sql"
TEMPLATE_FOLDER = Path(__file__).parents[1] / "templates"


def read_sql(name: str) -> str:
    """The text of `include/sql/<name>.sql`."""
    return (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
