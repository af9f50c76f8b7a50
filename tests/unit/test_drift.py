"""What the data scientist relies on: no alarm without a reason, the column named, a retraining at the right time."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from future_skills.config import DriftSettings
from future_skills.database import connect, execute, fetch_row, fetch_value
from future_skills.dataset.export import content_digest
from future_skills.dataset.files import to_csv
from future_skills.dataset.snapshot import TABLES
from future_skills.domain import FEATURES, NUMERIC_FEATURES
from future_skills.drift import report as report_module
from future_skills.drift.columns import ColumnDrift, judge_columns
from future_skills.drift.policy import is_retraining_due, request_retraining, reusable_dataset
from future_skills.drift.report import BatchUnfinishedError, report_drift
from future_skills.drift.samples import load_sample
from future_skills.ledger.batches import get_batch
from future_skills.ledger.drift_reports import DriftReportRow, UnknownReportError, get_report, newest_reports
from future_skills.store.artifacts import ArtifactMissingError

ROWS = 400
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


def sample_frame(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A batch's sample as `score_shard` writes it."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"job_role_id": np.arange(rows) % 20, "skill_id": np.arange(rows) // 20})
    frame["job_role_name"], frame["skill_name"] = "Data scientist", "Python"
    frame["skill_category"] = random.choice(["Cloud", "Data", "Soft skills"], rows)
    frame["job_department"] = random.choice(["IT", "Finance"], rows)
    for name in NUMERIC_FEATURES:
        frame[name] = random.uniform(0, 1, rows)
    frame["avg_salary_k"] = 45.0  # constant, as in a company without the view
    frame["score"] = np.round(random.uniform(0, 100, rows), 2)
    frame["level"] = np.select([frame["score"] > 70, frame["score"] > 40], ["HIGH", "MEDIUM"], "LOW")
    return frame[["job_role_id", "skill_id", *FEATURES, "level", "score"]]


class Weeks:
    """A ledger with one version, and the batches of its weeks."""

    def __init__(self, connection, store, settings):
        self.connection, self.store, self.settings = connection, store, settings
        self.dataset("20261109T020000000Z-00000000", decided=None)
        self.version("v1", "20261109T020000000Z-00000000")

    def dataset(self, dataset_id, *, decided=None, as_of=date(2026, 11, 9)):
        """A dataset with these decided levels, or with bootstrap labels."""
        digest, rows, files = "0", 0, {}
        if decided is not None:
            contents = {f"snapshot/{table}.csv": b"a\n" for table in TABLES}
            training = pd.DataFrame({"future_need_level": decided, "population": "decided"})
            contents["dataset.csv"], rows = to_csv(training), len(training)
            files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
            digest = content_digest(files)
            for name, content in contents.items():
                self.store.write(f"datasets/{dataset_id}/{name}", content)
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.chain (chain_id, origin) VALUES (%s, 'manual')",
            (dataset_id,),
        )
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.dataset (dataset_id, uri, digest, as_of, horizon_years, pair_scope, label_source,"
            " decided_rows, implicit_rows, quarantined, manifest) VALUES (%s, %s, %s, %s, 5, 'all', %s, %s, 0, 0, %s)",
            (
                dataset_id,
                str(self.store.path(f"datasets/{dataset_id}")),
                digest,
                as_of,
                "bootstrap" if decided is None else "hr_decision",
                rows,
                json.dumps({"files": files}),
            ),
        )
        self.connection.commit()

    def version(self, name, dataset_id):
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.model_version (version, number, dataset_id, request_key, estimator, preprocessing,"
            " parameters, feature_set, horizon_years, label_source, loadable_by_hr, artifacts, libraries, cuts, facts)"
            " VALUES (%s, %s, %s, %s, 'ridge', 'target', '{}', 'core', 5, 'hr_decision', true, '{}', '{}', '{}', '{}')",
            (name, int(name[1:]), dataset_id, name),
        )
        self.connection.commit()

    def batch(self, week, frame, *, version="v1", state="published", decided=None, shards=2):
        """A batch of a dataset of its own (or, given a dataset's id, of that one); returns the batch's id."""
        dataset_id = week
        if isinstance(week, int):
            dataset_id = f"202611{week:02}T020000000Z-{week:08}"
            self.dataset(dataset_id, decided=decided, as_of=date(2026, 11, week))
        batch_id = f"{dataset_id}-{version}-en"
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
            " state, pairs) VALUES (%s, %s, %s, 'all', 5, 'en', %s, %s)",
            (batch_id, dataset_id, version, state, len(frame)),
        )
        for number in range(shards):
            part = frame.iloc[number::shards]
            execute(
                self.connection,
                "INSERT INTO future_skills_ops.shard (batch_id, number, job_role_ids, pairs) VALUES (%s, %s, '{}', %s)",
                (batch_id, number, len(part)),
            )
            self.store.write(f"batches/{batch_id}/sample-{number}.csv", to_csv(part))
        self.connection.commit()
        return batch_id

    def report(self, batch_id):
        return report_drift(self.connection, self.store, self.settings, batch_id)


@pytest.fixture
def weeks(hr, store, settings):
    return Weeks(hr, store, settings)


def test_the_first_batch_is_its_own_reference_and_does_not_drift(weeks, store):
    report = weeks.report(weeks.batch(16, sample_frame(), decided=["HIGH", "LOW"] * 50))
    assert (report.drifted, report.unknown, report.counted) == (False, False, True)
    assert report.reference_batch_id == report.batch_id
    assert {column["value"] for column in report.columns.values()} == {0.0}
    page = store.read(report.html_uri).decode()
    assert "No drift" in page
    assert not re.search(r"<(script|link|img|iframe)[^>]*\s(src|href)=", page), "it is read where there is no internet"


def test_the_same_data_in_other_shards_never_drifts(weeks, store):
    weeks.batch(16, sample_frame(), decided=["HIGH", "LOW"] * 50)
    report = weeks.report(weeks.batch(23, sample_frame(), shards=5, decided=["LOW", "HIGH"] * 50, state="withheld"))
    assert not report.drifted
    assert not report.unknown
    summary = json.loads(store.read(report.json_uri))
    assert summary["columns"] == report.columns
    assert summary["reference"]["batch_id"] == report.reference_batch_id != report.batch_id
    assert set(summary) == {"reference", "current", "columns", "share", "drifted", "unknown"}


def test_random_halves_of_one_population_do_not_drift(weeks):
    frame = sample_frame(20_000)
    weeks.batch(16, frame.iloc[::2])
    assert not weeks.report(weeks.batch(23, frame.iloc[1::2])).drifted


def test_a_shift_is_reported_with_its_column_and_method(weeks):
    weeks.batch(16, sample_frame())
    shifted = sample_frame().assign(trend_score=lambda frame: frame["trend_score"] * 2)
    report = weeks.report(weeks.batch(23, shifted))
    assert report.drifted_columns == ["trend_score"]
    assert not report.drifted, "one column of nine is marked, no more"
    column = report.columns["trend_score"]
    assert (column["kind"], column["method"], column["threshold"]) == ("feature", "wasserstein", 0.1)
    before = sample_frame()["trend_score"]
    assert column["value"] == pytest.approx(before.mean() / before.std(ddof=0)), "in units of the reference's spread"
    stage = fetch_value(weeks.connection, "SELECT stages -> 'drift' FROM future_skills_ops.chain WHERE chain_id LIKE '20261123%'")
    assert (stage["state"], stage["columns"]) == ("reported", ["trend_score"])


def test_levels_that_move_are_drift_even_where_no_feature_does(weeks):
    weeks.batch(16, sample_frame())
    report = weeks.report(weeks.batch(23, sample_frame().assign(level="HIGH")))
    assert report.drifted_columns == ["level"]
    assert report.drifted
    assert report.columns["level"]["method"] == "jensenshannon"


def test_decided_levels_are_compared_with_decided_levels(weeks):
    weeks.batch(16, sample_frame(), decided=["HIGH"] * 10 + ["LOW"] * 990)
    report = weeks.report(weeks.batch(23, sample_frame(), decided=["HIGH"] * 400 + ["LOW"] * 600))
    assert report.drifted_columns == ["target"]
    assert report.drifted


def test_labels_of_the_rules_are_no_target(weeks):
    weeks.batch(16, sample_frame(), decided=["HIGH"] * 10 + ["LOW"] * 90)
    report = weeks.report(weeks.batch(23, sample_frame()))
    assert "target" not in report.columns
    assert not report.unknown


@pytest.mark.parametrize("value", ["all", "one"])
def test_missing_values_are_unknown_and_neither_drift_nor_crash(weeks, value):
    weeks.batch(16, sample_frame())
    frame = sample_frame()
    frame.loc[slice(None) if value == "all" else 3, "hiring_difficulty"] = np.nan
    report = weeks.report(weeks.batch(23, frame))
    assert report.unknown_columns == ["hiring_difficulty"]
    assert (report.unknown, report.drifted) == (True, False)
    column = report.columns["hiring_difficulty"]
    assert (column["value"], column["drift"]) == (None, None)
    assert column["missing"] == {"reference": 0, "current": len(frame) if value == "all" else 1}


def test_an_empty_sample_is_unknown(weeks, store):
    weeks.batch(16, sample_frame())
    report = weeks.report(weeks.batch(23, sample_frame().iloc[:0]))
    assert set(report.unknown_columns) == set(report.columns)
    assert "Not comparable" in store.read(report.html_uri).decode()


def test_new_categories_are_named_and_cannot_leave_the_page(weeks, store):
    evil = "</script><script>alert(1)</script>"
    weeks.batch(16, sample_frame())
    frame = sample_frame()
    frame.loc[:99, "job_department"] = [f"New {number:02}" for number in range(50)] + [evil] * 50
    report = weeks.report(weeks.batch(23, frame))
    assert report.columns["job_department"]["drift"]
    assert report.columns["job_department"]["new_categories"] == [evil, *(f"New {number:02}" for number in range(19))]
    page = store.read(report.html_uri).decode()
    assert "<script>alert" not in page
    assert "New 07" in page


def test_a_batch_is_reported_once_even_after_a_crash_between_files_and_row(weeks, store, monkeypatch):
    weeks.batch(16, sample_frame())
    batch_id = weeks.batch(23, sample_frame())
    with monkeypatch.context() as patch:
        patch.setattr(report_module, "_record", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            weeks.report(batch_id)
    assert store.path(f"reports/{batch_id}/drift.html").exists()
    assert fetch_value(weeks.connection, "SELECT count(*) FROM future_skills_ops.drift_report") == 0
    weeks.connection.commit()
    first = weeks.report(batch_id)
    assert weeks.report(batch_id) == first
    assert fetch_value(weeks.connection, "SELECT count(*) FROM future_skills_ops.drift_report") == 1


def test_a_dataset_has_one_counted_report_and_each_version_its_own_reference(weeks):
    one = weeks.report(weeks.batch(16, sample_frame()))
    weeks.version("v2", one.dataset_id)
    other = weeks.report(weeks.batch(one.dataset_id, sample_frame().assign(level="HIGH"), version="v2"))
    assert (one.counted, other.counted) == (True, False)
    assert other.reference_batch_id == other.batch_id
    assert [report.report_id for report in newest_reports(weeks.connection, 5, 9)] == [one.report_id]
    assert newest_reports(weeks.connection, 3, 9) == []


@pytest.mark.parametrize("overtaken_by", ["v1", "v2"])
def test_two_reports_at_once_are_counted_once(weeks, hr_dsn, monkeypatch, overtaken_by):
    weeks.version("v2", "20261109T020000000Z-00000000")
    ours = weeks.batch(16, sample_frame())
    dataset_id = get_batch(weeks.connection, ours).dataset_id
    theirs = ours if overtaken_by == "v1" else weeks.batch(dataset_id, sample_frame(), version="v2")
    compare = report_module.compare_samples

    def overtaken(*arguments):
        monkeypatch.setattr(report_module, "compare_samples", compare)
        connection = connect(hr_dsn)
        report_drift(connection, weeks.store, weeks.settings, theirs)
        connection.close()
        return compare(*arguments)

    monkeypatch.setattr(report_module, "compare_samples", overtaken)
    report = weeks.report(ours)
    assert report.counted is (overtaken_by == "v1")
    rows = fetch_row(
        weeks.connection, "SELECT count(*), count(*) FILTER (WHERE counted) AS counted FROM future_skills_ops.drift_report"
    )
    assert rows == {"count": 1 if overtaken_by == "v1" else 2, "counted": 1}


def test_only_finished_batches_are_reported(weeks):
    with pytest.raises(BatchUnfinishedError, match="is audited"):
        weeks.report(weeks.batch(16, sample_frame(), state="audited"))


def test_a_lost_sample_is_an_error_and_leaves_no_row(weeks, store):
    batch_id = weeks.batch(16, sample_frame())
    store.path(f"batches/{batch_id}/sample-1.csv").unlink()
    with pytest.raises(ArtifactMissingError):
        weeks.report(batch_id)
    assert fetch_value(weeks.connection, "SELECT count(*) FROM future_skills_ops.drift_report") == 0


def test_a_sample_is_bounded_and_always_the_same(weeks, settings):
    small = settings.model_copy(update={"prediction": settings.prediction.model_copy(update={"sample_rows": 50})})
    batch = get_batch(weeks.connection, weeks.batch(16, sample_frame()))
    samples = [load_sample(weeks.connection, weeks.store, small, batch).rows for _ in range(2)]
    assert len(samples[0]) == 50
    pd.testing.assert_frame_equal(*samples)
    assert not {"job_role_name", "skill_name", "job_role_id"} & set(samples[0].columns)


@pytest.mark.parametrize("drifted, expected", [(2, False), (3, True)])
def test_both_sides_of_the_share_of_columns(drifted, expected):
    column = ColumnDrift("feature", "wasserstein", 0.1, 0.0, drift=False)
    columns = {f"column {number}": replace(column, drift=number < drifted) for number in range(10)}
    assert judge_columns(columns, DriftSettings()).drifted is expected
    columns |= {f"column {number}": replace(column, drift=None) for number in range(9 - drifted)}
    assert not judge_columns({**columns, "level": replace(column, kind="level")}, DriftSettings()).drifted


@pytest.mark.parametrize(
    "drifted, days_ago, expected",
    [
        ([True, True, False], None, True),
        ([True, False, True], None, True),
        ([True, False, False, True], None, False),
        ([False, True, True], None, False),
        ([True], None, False),
        ([], None, False),
        ([True, True], 7, True),
        ([True, True], 6.9, False),
    ],
)
def test_when_a_retraining_is_due(drifted, days_ago, expected):
    report = DriftReportRow(1, "d", "b", "a", "v1", 5, {}, False, False, True, "", "", NOW)
    reports = [replace(report, drifted=drift) for drift in drifted]
    last = NOW - timedelta(days=days_ago) if days_ago else None
    assert is_retraining_due(reports, last, DriftSettings(), NOW) is expected


def test_two_drifted_datasets_ask_once(weeks, settings):
    weeks.batch(10, sample_frame())
    drifted = sample_frame().assign(level="HIGH")
    first, second, third = (weeks.report(weeks.batch(week, drifted)) for week in (16, 23, 30))
    assert request_retraining(weeks.connection, settings, second.report_id) is None, "a newer report decides"
    assert request_retraining(weeks.connection, settings, first.report_id) is None
    request_id = request_retraining(weeks.connection, settings, third.report_id)
    assert request_id is not None
    assert request_retraining(weeks.connection, settings, third.report_id) == request_id
    row = fetch_row(weeks.connection, "SELECT * FROM future_skills_ops.retraining_request")
    assert row["reason"].startswith("3 of the last 3 datasets drift (")
    assert row["reason"].endswith("in the newest: level")


def test_a_second_request_waits_for_the_cooldown(weeks, settings):
    weeks.batch(2, sample_frame())
    drifted = sample_frame().assign(level="HIGH")
    for week in (9, 16):
        report = weeks.report(weeks.batch(week, drifted))
        made = request_retraining(weeks.connection, settings, report.report_id)
    assert made
    last = weeks.report(weeks.batch(23, drifted))
    assert request_retraining(weeks.connection, settings, last.report_id) is None
    execute(weeks.connection, "UPDATE future_skills_ops.retraining_request SET requested_at = now() - interval '7 days'")
    weeks.connection.commit()
    assert request_retraining(weeks.connection, settings, last.report_id) not in {None, made}


def test_a_retraining_uses_the_dataset_while_it_is_young(weeks):
    report = weeks.report(weeks.batch(16, sample_frame()))
    exported_at = fetch_value(
        weeks.connection, "SELECT created_at FROM future_skills_ops.dataset WHERE dataset_id = %s", (report.dataset_id,)
    )
    young, old = exported_at + timedelta(hours=23, minutes=59), exported_at + timedelta(hours=24)
    assert reusable_dataset(weeks.connection, report.report_id, young) == report.dataset_id
    assert reusable_dataset(weeks.connection, report.report_id, old) is None
    with pytest.raises(UnknownReportError, match="no drift report 99"):
        reusable_dataset(weeks.connection, 99, young)
    assert get_report(weeks.connection, report.report_id) == report
