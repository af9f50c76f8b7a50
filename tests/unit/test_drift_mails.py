"""What data scientists learn of a drift: which columns, since when, and how the worst one looks now."""

import json
from datetime import timedelta

import pytest

from future_skills.alerts.drift_mails import Began, drift_mails, drifting_since, unmailed_reports
from future_skills.database import execute, fetch_value
from future_skills.drift.report import report_drift
from future_skills.ledger.drift_reports import get_report
from support.outbox import queued
from support.prepared import copied, prepared, published
from support.published import DATASET, NOW, add_batch, add_earlier_batch

TREND = {"kind": "feature", "method": "wasserstein", "threshold": 0.1, "value": 0.2, "drift": True}
SCORE = {"kind": "score", "method": "wasserstein", "threshold": 0.1, "value": 0.5, "drift": True}
QUIET = {**TREND, "value": 0.01, "drift": False}


def add_report(hr, batch_id, dataset_id, columns, *, at=NOW, counted=True, unknown=False, drifted=True):
    report_id = fetch_value(
        hr,
        "INSERT INTO future_skills_ops.drift_report (dataset_id, batch_id, reference_batch_id, version, horizon_years, columns,"
        " drifted, unknown, counted, html_uri, json_uri, created_at)"
        " VALUES (%s, %s, 'batch-28', 'v3', 5, %s, %s, %s, %s, '/r.html', '', %s) RETURNING report_id",
        (dataset_id, batch_id, json.dumps(columns), drifted, unknown, counted, at),
    )
    hr.commit()
    return get_report(hr, report_id)


@pytest.fixture
def weeks(hr):
    """Three weeks against one reference: trend_score drifts in all of them, the score in the last two but one between."""
    newest = add_batch(hr)
    for days in (28, 21, 14, 7):
        add_earlier_batch(hr, days)
    for days, columns in (
        (21, {"t": TREND, "score": SCORE}),
        (14, {"t": TREND, "score": QUIET}),
        (7, {"t": TREND, "score": SCORE}),
    ):
        add_report(hr, f"batch-{days}", f"earlier-{days}", columns, at=NOW - timedelta(days=days))
    add_report(hr, "batch-7", "earlier-7", {"t": QUIET}, at=NOW - timedelta(days=6), counted=False)
    return add_report(hr, newest.batch_id, DATASET, {"t": TREND, "score": SCORE, "level": QUIET})


def test_since_when_each_column_drifts_without_a_break(hr, weeks):
    assert drifting_since(hr, weeks) == {
        "t": Began(NOW - timedelta(days=21), 4),
        "score": Began(NOW - timedelta(days=7), 2),
    }


def test_the_mail_says_how_much_and_since_when(hr, store, addressed, weeks):
    (one,) = drift_mails(hr, store, addressed, weeks)
    assert one.subject == f"Drift in dataset {DATASET}: t, score"
    assert (
        "Column: score, score, wasserstein; Distance: 0.500, alarm from 0.100; Since: 2026-11-16, report 2 in a row" in one.text
    )
    assert "Since: 2026-11-02, report 4 in a row" in one.text


def test_a_report_that_is_fine_or_that_nobody_reads_gives_no_mail(hr, store, settings, addressed, weeks):
    fine = add_report(hr, "batch-7", "earlier-7", {"t": QUIET}, counted=False, drifted=False)
    assert drift_mails(hr, store, addressed, fine) == []
    assert drift_mails(hr, store, settings, weeks) == []


def test_reports_that_no_mail_is_about_are_found(hr, store, addressed, weeks):
    execute(hr, "UPDATE future_skills_ops.drift_report SET created_at = now() WHERE report_id >= %s", (weeks.report_id - 1,))
    execute(hr, "UPDATE future_skills_ops.drift_report SET created_at = now() - interval '8 days' WHERE report_id < 4")
    lost = add_report(hr, "batch-14", "earlier-14", {"t": {**TREND, "drift": None}}, counted=False, drifted=False, unknown=True)
    execute(hr, "UPDATE future_skills_ops.drift_report SET created_at = now() WHERE report_id = %s", (lost.report_id,))
    hr.commit()
    found = unmailed_reports(hr, 5)
    assert [report.report_id for report in found] == [weeks.report_id - 1, weeks.report_id, lost.report_id]
    for report in found:
        queued(hr, *drift_mails(hr, store, addressed, report))
    assert unmailed_reports(hr, 5) == []
    causes = fetch_value(hr, "SELECT array_agg(cause || ' ' || period ORDER BY id) FROM future_skills_ops.outbox")
    assert causes == ["drift earlier-7", f"drift {DATASET}", "data_alarm earlier-14"]


@pytest.mark.parametrize("lost", ["drift", "data_alarm"])
def test_a_report_with_one_of_its_two_mails_is_found_for_the_other(hr, store, addressed, weeks, lost):
    execute(hr, "UPDATE future_skills_ops.drift_report SET created_at = now() - interval '8 days'")
    columns = {"score": SCORE, "hiring_difficulty": {**TREND, "drift": None, "problem": "empty"}}
    report = add_report(hr, "batch-14", "earlier-14", columns, counted=False, unknown=True)
    execute(hr, "UPDATE future_skills_ops.drift_report SET created_at = now() WHERE report_id = %s", (report.report_id,))
    hr.commit()
    mails = drift_mails(hr, store, addressed, report)
    assert [mail.cause for mail in mails] == ["drift", "data_alarm"]
    queued(hr, *(mail for mail in mails if mail.cause != lost))
    assert [one.report_id for one in unmailed_reports(hr, 5)] == [report.report_id]
    assert queued(hr, *drift_mails(hr, store, addressed, report)) == 1
    assert unmailed_reports(hr, 5) == []


@pytest.mark.parametrize(
    "language, sentence",
    [
        ("en", "Its sources lost rows since the batch before: usage fell from 4,000 to 2,000."),
        ("fr", "Ses sources ont perdu des lignes depuis le lot précédent : usage : 4 000 avant, 2 000 maintenant."),
    ],
)
def test_the_source_that_lost_its_rows_is_named(hr, store, addressed, weeks, language, sentence):
    lost = {"t": {**QUIET, "drift": None, "problem": "halved", "lost": {"usage": [4_000, 2_000]}}}
    report = add_report(hr, "batch-14", "earlier-14", lost, counted=False, drifted=False, unknown=True)
    speaking = addressed.model_copy(update={"future_skills_language": language})
    (mail,) = drift_mails(hr, store, speaking, report)
    assert sentence in " ".join(mail.text.split())


@pytest.fixture(scope="module")
def company(postgres, hr_template, tmp_path_factory):
    return prepared(postgres, "hr_template", tmp_path_factory.mktemp("prepared"), "published", published)


def test_the_worst_column_is_shown_and_a_lost_sample_only_costs_the_picture(company, tmp_path, addressed):
    with copied(company, tmp_path / "store") as bench:
        batch_id = fetch_value(bench.connection, "SELECT batch_id FROM future_skills_ops.prediction_batch")
        report_drift(bench.connection, bench.store, bench.settings, batch_id)
        drift = {"drift": True, "value": 0.9}
        execute(
            bench.connection,
            "UPDATE future_skills_ops.drift_report SET drifted = true, columns = columns"
            " || jsonb_build_object('trend_score', columns -> 'trend_score' || %s)",
            (json.dumps(drift),),
        )
        bench.connection.commit()
        report = get_report(bench.connection, 1)
        assert report.worst_column == "trend_score"
        (shown,) = drift_mails(bench.connection, bench.store, addressed, report)
        assert shown.pictures["worst"].startswith(b"\x89PNG")
        assert 'src="cid:worst" alt="Distribution of trend_score in this batch' in shown.html
        for sample in (bench.store.root / "batches").rglob("sample-*.csv"):
            sample.unlink()
        (without,) = drift_mails(bench.connection, bench.store, addressed, report)
        assert without.pictures == {}
        assert "cid:" not in without.html
        assert "moved most" not in without.text
