"""A retraining at the right time: neither a storm, nor a week in which nobody is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from future_skills.config import DriftSettings
from future_skills.database import execute, fetch_row, fetch_value
from future_skills.drift.policy import is_retraining_due, request_retraining, reusable_dataset
from future_skills.ledger.drift_reports import DriftReportRow, UnknownReportError, get_report
from support.drift import Weeks, sample_frame

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


@pytest.fixture
def weeks(hr, store, settings):
    return Weeks(hr, store, settings)


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
