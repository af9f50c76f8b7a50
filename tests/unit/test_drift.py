"""What the data scientist relies on: no alarm without a reason, and the column named."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from future_skills.config import DriftSettings
from future_skills.database import connect, fetch_row, fetch_value
from future_skills.drift import report as report_module
from future_skills.drift.columns import ColumnDrift, judge_columns
from future_skills.drift.report import BatchUnfinishedError, batches_to_report, report_drift
from future_skills.drift.samples import load_sample
from future_skills.ledger.batches import get_batch
from future_skills.ledger.drift_reports import newest_reports
from future_skills.store.artifacts import ArtifactMissingError
from support.drift import Weeks, sample_frame


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
    assert set(summary) == {"reference", "current", "columns", "share", "drifted", "unknown", "broken", "alarms"}
    assert summary["reference"]["levels"] == summary["current"]["levels"]


@pytest.mark.slow
def test_every_process_measures_the_same_to_the_last_digit():
    """Two tries of a task are two processes, and each gives strings another hash."""
    code = (
        "import pandas as pd\n"
        "from future_skills.config import DriftSettings\n"
        "from future_skills.drift.columns import watched_columns\n"
        "from future_skills.drift.comparison import compare_samples\n"
        "from future_skills.drift.samples import Sample\n"
        "from support.drift import sample_frame\n"
        "levels = [pd.Series(['LOW'] * 487 + ['MEDIUM'] * count + ['HIGH'] * 83) for count in (231, 257)]\n"
        "sides = [Sample(None, None, sample_frame(400, seed), levels[seed]) for seed in (0, 1)]\n"
        "compared = compare_samples(*sides, watched_columns(DriftSettings(), with_target=True))\n"
        "print({name: column.value for name, column in compared.columns.items()})"
    )
    told = set()
    for seed in range(4):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        command = [sys.executable, "-W", "ignore", "-c", code]
        told.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(told) == 1


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
    assert column["problem"] == ("empty" if value == "all" else "missing")
    assert (column["value"], column["drift"]) == (None, None)
    assert column["missing"] == {"reference": 0, "current": len(frame) if value == "all" else 1}


def test_an_empty_sample_is_unknown(weeks, store):
    weeks.batch(16, sample_frame())
    report = weeks.report(weeks.batch(23, sample_frame().iloc[:0]))
    assert set(report.unknown_columns) == set(report.columns)
    page = store.read(report.html_uri).decode()
    assert "Data alarm" in page
    assert "there is no value" in page


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
    everything = newest_reports(weeks.connection, 5, 9, counted_only=False)
    assert [report.report_id for report in everything] == [other.report_id, one.report_id]
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


# A broken export is a data alarm


def broken_week(weeks, frame, **batch):
    """A report of levels that moved beside whatever is broken about the frame."""
    weeks.batch(16, sample_frame())
    return weeks.report(weeks.batch(23, frame.assign(level="HIGH", score=99.0), **batch))


def test_a_feature_that_became_constant_is_an_alarm_and_no_drift(weeks, store):
    report = broken_week(weeks, sample_frame().assign(trend_score=0.5))
    assert (report.unknown_columns, report.unknown, report.drifted) == (["trend_score"], True, False)
    assert report.columns["trend_score"]["problem"] == "constant"
    assert report.columns["level"]["drift"], "what moved because of it is still shown"
    assert "one value is left where there were many" in store.read(report.html_uri).decode()


def test_a_feature_that_was_constant_before_is_none(weeks):
    weeks.batch(16, sample_frame().assign(trend_score=0.5))
    report = weeks.report(weeks.batch(23, sample_frame().assign(trend_score=0.5)))
    assert (report.unknown, report.drifted) == (False, False)


def test_an_empty_feature_is_an_alarm_and_no_drift(weeks):
    report = broken_week(weeks, sample_frame().assign(internal_usage=np.nan))
    assert (report.unknown, report.drifted) == (True, False)


def test_one_missing_value_hides_no_drift_elsewhere(weeks):
    frame = sample_frame()
    frame.loc[3, "internal_usage"] = np.nan
    report = broken_week(weeks, frame)
    assert (report.unknown, report.drifted) == (True, True)


@pytest.mark.parametrize("usage, alarmed", [(2_000, True), (2_001, False)])
def test_a_source_that_lost_half_its_rows_is_an_alarm_and_no_drift(weeks, store, usage, alarmed):
    weeks.batch(16, sample_frame(), sources={"usage": 4_000, "reports": 19})
    report = weeks.report(weeks.batch(23, sample_frame().assign(level="HIGH"), sources={"usage": usage, "reports": 1}))
    assert (report.unknown, report.drifted) == (alarmed, not alarmed)
    summary = json.loads(store.read(report.json_uri))
    stage = fetch_value(weeks.connection, "SELECT stages -> 'drift' FROM future_skills_ops.chain WHERE chain_id LIKE '20261123%'")
    expected = ["Rows were lost since the batch before: usage fell from 4000 to 2000."] if alarmed else []
    assert summary["alarms"] == stage["alarms"] == expected
    assert summary["broken"] is alarmed
    assert report.lost_rows == ({"usage": [4_000, 2_000]} if alarmed else {})
    assert all(column["value"] is not None for column in report.columns.values())


def test_half_of_the_pairs_is_an_alarm_even_where_every_distance_is_small(weeks):
    frame = sample_frame(2_000)
    weeks.batch(16, frame)
    report = weeks.report(weeks.batch(23, frame.iloc[:1_000]))
    assert (report.unknown, report.drifted) == (True, False)
    assert {column["problem"] for column in report.columns.values()} == {"halved"}


def test_a_company_that_stays_small_is_compared_again(weeks):
    frame = sample_frame(2_000)
    weeks.batch(9, frame)
    weeks.batch(16, frame.iloc[:1_000])
    assert not weeks.report(weeks.batch(23, frame.iloc[:1_000])).unknown


def test_the_page_keeps_features_predictions_and_decisions_apart(weeks, store):
    weeks.batch(16, sample_frame(), decided=["HIGH"] * 10 + ["LOW"] * 90)
    report = weeks.report(weeks.batch(23, sample_frame(), decided=["HIGH"] * 10 + ["LOW"] * 90))
    page = store.read(report.html_uri).decode()
    titles = ("<h2>Features", "<h2>Predictions", "<h2>HR&#39;s decisions")
    features, predictions, decisions = (page.index(title) for title in titles)
    assert features < page.index("<td>trend_score") < predictions < page.index("<td>score") < decisions
    assert decisions < page.index("<td>target") < page.index('<td>HIGH</td><td class="number">10.0%</td>', decisions)


def test_a_run_reports_what_it_was_told_of_and_the_newest_batch_whose_event_may_wait(weeks):
    assert batches_to_report(weeks.connection, 5, None, []) == []
    first, second, third = (weeks.batch(day, sample_frame()) for day in (9, 16, 23))
    assert batches_to_report(weeks.connection, 5, None, [second]) == [second, third]
    assert batches_to_report(weeks.connection, 5, None, [third]) == batches_to_report(weeks.connection, 5, None, []) == [third]
    assert batches_to_report(weeks.connection, 5, first, [second]) == [first]
    assert batches_to_report(weeks.connection, 3, None, [second]) == [second]


# A broken week is no reference


def broken_frame(problem):
    frame = sample_frame()
    if problem == "missing":
        frame.loc[3, "hiring_difficulty"] = np.nan
    if problem == "empty":
        frame["hiring_difficulty"] = np.nan
    return frame.iloc[:0] if problem == "no rows" else frame


@pytest.mark.parametrize("problem", ["missing", "empty", "no rows"])
def test_a_broken_first_week_is_the_reference_of_no_other(weeks, problem):
    assert weeks.report(weeks.batch(9, broken_frame(problem))).unknown
    mended = weeks.report(weeks.batch(16, sample_frame()))
    assert (mended.unknown, mended.reference_batch_id) == (False, mended.batch_id)
    moved = weeks.report(weeks.batch(23, sample_frame().assign(level="HIGH")))
    assert (moved.unknown, moved.drifted, moved.reference_batch_id) == (False, True, mended.batch_id)


def test_a_first_week_that_lost_half_its_rows_is_the_reference_of_no_other(weeks):
    weeks.version("v2", "20261109T020000000Z-00000000")
    weeks.batch(2, sample_frame(), sources={"usage": 4_000})
    first = weeks.report(weeks.batch(9, sample_frame(), version="v2", sources={"usage": 1_000}))
    assert first.unknown
    mended = weeks.report(weeks.batch(16, sample_frame(), version="v2", sources={"usage": 4_000}))
    assert (mended.unknown, mended.reference_batch_id) == (False, mended.batch_id)


def test_a_broken_week_in_between_changes_no_reference(weeks):
    first = weeks.report(weeks.batch(9, sample_frame()))
    assert weeks.report(weeks.batch(16, broken_frame("empty"))).unknown
    assert weeks.report(weeks.batch(23, sample_frame())).reference_batch_id == first.batch_id


def test_a_broken_first_week_hides_nothing_where_a_value_is_always_missing(weeks):
    weeks.report(weeks.batch(2, broken_frame("no rows")))
    first = weeks.report(weeks.batch(9, broken_frame("missing")))
    assert (first.unknown_columns, first.reference_batch_id) == (["hiring_difficulty"], first.batch_id)
    moved = weeks.report(weeks.batch(16, broken_frame("missing").assign(level="HIGH")))
    assert (moved.drifted, moved.reference_batch_id) == (True, first.batch_id)


def test_a_value_that_is_always_missing_leaves_the_other_columns_compared(weeks):
    first = weeks.report(weeks.batch(9, broken_frame("missing")))
    moved = weeks.report(weeks.batch(16, broken_frame("missing").assign(level="HIGH")))
    assert (moved.unknown_columns, moved.drifted) == (["hiring_difficulty"], True)
    assert moved.reference_batch_id == first.batch_id
