"""The HR application's own log, as it really is: grown for years, torn at its end, and with lines that are none."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from future_skills.database import fetch_value
from future_skills.drift.application_log import LOG_COLUMNS, ApplicationLogMissingError, read_application_log
from future_skills.drift.application_report import report_application_log
from future_skills.drift.policy import request_retraining
from future_skills.ledger.batches import get_batch, list_shards
from future_skills.ledger.drift_reports import newest_reports
from future_skills.prediction.monitoring import MONITORED_FEATURES, write_monitoring
from support.drift import Weeks, sample_frame

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
UNTIL = NOW.replace(tzinfo=None)
SINCE = UNTIL - timedelta(days=7)


@pytest.fixture
def weeks(hr, store, settings):
    return Weeks(hr, store, settings)


def line(number=0, *, moment=UNTIL - timedelta(days=1), **fields):
    """A line as the application writes it."""
    known = {
        "timestamp": moment.isoformat(),
        "job_role_id": 14,
        "skill_id": number,
        "predicted_level": "MEDIUM",
        "score": 60.0,
        "engine": "rules_v1",
        "model_version": None,
        "features": {"trend_score": 0.8, "internal_usage": 0.4, "training_requests": 40.0, "scarcity_index": 0.6},
    }
    return json.dumps({**known, **fields}) + "\n"


def written(tmp_path, *lines):
    path = tmp_path / "predictions_monitoring.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def read(path, limit=1_000):
    return read_application_log(path, SINCE, UNTIL, limit, 42)


def test_a_window_of_days_is_read(tmp_path):
    moments = [SINCE - timedelta(seconds=1), SINCE, UNTIL - timedelta(seconds=1), UNTIL]
    reading = read(written(tmp_path, *(line(moment=moment) for moment in moments)))
    assert (reading.lines, reading.outside, reading.skipped, reading.torn) == (2, 2, 0, False)
    assert list(reading.rows.columns) == LOG_COLUMNS
    assert reading.rows.iloc[0].to_dict() == {
        "trend_score": 0.8,
        "internal_usage": 0.4,
        "training_requests": 40.0,
        "scarcity_index": 0.6,
        "score": 60.0,
        "level": "MEDIUM",
    }


def test_a_torn_last_line_is_counted_and_a_whole_one_is_not(tmp_path):
    whole = line()
    assert read(written(tmp_path, whole, whole)).torn is False
    for cut in (1, len(whole) // 2, len(whole) - 1):
        reading = read(written(tmp_path, whole, whole[:cut]))
        assert (reading.lines, reading.skipped, reading.torn) == (1, 1, True)


@pytest.mark.parametrize(
    "bad",
    [
        "\n",
        "no json\n",
        "[1]\n",
        '"text"\n',
        "null\n",
        "{}\n",
        "[" * 100_000 + "\n",
        line(timestamp="yesterday"),
        line(timestamp=5),
        line(predicted_level="CRITICAL"),
        line(predicted_level=["LOW"]),
        line(score="much"),
        line(score=None, features=None),
        line(features={"trend_score": "high"}),
        '{"timestamp": "2026-11-23T00:00:00", "score": ' + "9" * 400 + "}\n",
    ],
)
def test_a_line_that_is_no_prediction_is_skipped_and_counted(tmp_path, bad):
    reading = read(written(tmp_path, line(), bad, line()))
    assert (reading.lines, reading.skipped, reading.torn) == (2, 1, False)


def test_a_value_that_is_none_or_no_number_is_missing(tmp_path):
    reading = read(written(tmp_path, line(features={"trend_score": None}), line(score=float("nan"))))
    assert reading.lines == 2
    assert reading.rows["trend_score"].isna().tolist() == [True, False]
    assert reading.rows["internal_usage"].isna().tolist() == [True, False]
    assert reading.rows["score"].isna().tolist() == [False, True]


def test_bytes_that_are_no_text_are_skipped(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(line().encode() + b"\xff\xfe\x00\n" + line().encode())
    assert (read(str(path)).lines, read(str(path)).skipped) == (2, 1)


def test_memory_follows_the_sample_and_not_the_file(tmp_path):
    path = written(tmp_path, *(line(number) for number in range(40_000)))
    tracemalloc.start()
    reading = read(path, limit=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (reading.lines, len(reading.rows)) == (40_000, 100)
    assert peak < 3_000_000, "the file has 10 MB"


def test_a_sample_is_of_all_lines_and_always_the_same(tmp_path):
    scores = [line(score=float(number)) for number in range(5_000)]
    path = written(tmp_path, *scores)
    one, two = read(path, limit=500), read(path, limit=500)
    assert one.rows.equals(two.rows)
    assert len(set(one.rows["score"])) == 500
    assert 2_200 < one.rows["score"].mean() < 2_800


def test_a_file_without_an_end_of_line_is_not_taken_into_memory(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 5_000_000)
    reading = read(str(path))
    assert (reading.lines, reading.torn) == (0, True)


def test_a_log_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(ApplicationLogMissingError, match="DRIFT__APPLICATION_LOG"):
        read(str(tmp_path / "nothing"))
    for path in (str(tmp_path), "nonsense://log", "a\0b"):
        with pytest.raises(ApplicationLogMissingError):
            read(path)


# Our own lines are lines of the same kind


def test_our_lines_can_be_read_by_whoever_reads_the_applications(weeks, settings, store, tmp_path):
    frame = sample_frame()
    frame.loc[0, "internal_usage"] = np.nan
    batch = get_batch(weeks.connection, weeks.batch(16, frame))
    shards = list_shards(weeks.connection, batch.batch_id)
    uri = write_monitoring(store, settings, batch, shards)
    content = store.read(uri)
    lines = [json.loads(one, parse_constant=pytest.fail) for one in content.decode().splitlines()]
    assert len(lines) == len(frame)
    assert list(lines[0]) == list(json.loads(line()))
    assert list(lines[0]["features"]) == list(MONITORED_FEATURES)
    assert sum(one["features"]["internal_usage"] is None for one in lines) == 1
    moment = datetime.fromisoformat(lines[0]["timestamp"])
    assert (moment.tzinfo, moment) == (None, batch.planned_at.astimezone(UTC).replace(tzinfo=None))
    assert len(lines[0]["timestamp"]) == len("2026-11-22T23:42:49.998985")
    reading = read_application_log(uri, moment, moment + timedelta(seconds=1), 1_000, 42)
    assert (reading.lines, reading.skipped, reading.engines) == (len(frame), 0, {"future_skills": len(frame)})
    assert write_monitoring(store, settings, batch, shards) == uri
    assert store.read(uri) == content


# The report apart


def log_of(frame, tmp_path):
    """The log of an application that predicted these rows."""
    return written(
        tmp_path,
        *(
            line(predicted_level=row["level"], score=row["score"], features={name: row[name] for name in MONITORED_FEATURES})
            for row in frame.to_dict("records")
        ),
    )


def test_the_applications_predictions_are_reported_apart_and_ask_for_nothing(weeks, settings, store, tmp_path):
    weeks.batch(9, sample_frame())
    report = weeks.report(weeks.batch(16, sample_frame()))
    path = log_of(sample_frame().assign(level="HIGH"), tmp_path)
    facts = report_application_log(weeks.connection, store, settings, report.report_id, path, 7, NOW)
    assert (facts["drifted"], facts["columns"], facts["lines"], facts["engines"]) == (True, ["level"], 400, {"rules_v1": 400})
    summary = json.loads(store.read(facts["json_uri"]))
    assert set(summary["columns"]) == set(LOG_COLUMNS)
    assert "unlike ours" in store.read(facts["html_uri"]).decode()
    stage = fetch_value(
        weeks.connection,
        "SELECT stages -> 'application_log' FROM future_skills_ops.chain WHERE chain_id = %s",
        (report.dataset_id,),
    )
    assert {name: stage[name] for name in facts} == facts
    weeks.connection.commit()
    assert [one.report_id for one in newest_reports(weeks.connection, 5, 9)] == [report.report_id]
    assert not request_retraining(weeks.connection, settings, report.report_id).retrain


def test_the_same_predictions_are_like_ours_and_an_empty_window_is_unknown(weeks, settings, store, tmp_path):
    report = weeks.report(weeks.batch(16, sample_frame()))
    path = log_of(sample_frame(), tmp_path)
    alike = report_application_log(weeks.connection, store, settings, report.report_id, path, 7, NOW)
    assert (alike["drifted"], alike["unknown"]) == (False, False)
    late = report_application_log(weeks.connection, store, settings, report.report_id, path, 7, NOW + timedelta(days=30))
    assert (late["drifted"], late["unknown"], late["outside"]) == (False, True, 400)
    page = store.read(late["html_uri"]).decode()
    assert "The HR application predicted nothing in these 7 days" in page
    assert "400 lines of the log are older or newer." in page
    assert "like ours" not in page
    state = fetch_value(
        weeks.connection,
        "SELECT stages -> 'application_log' ->> 'state' FROM future_skills_ops.chain WHERE chain_id = %s",
        (report.dataset_id,),
    )
    assert state == "empty"


def test_a_log_that_could_not_be_compared_is_not_called_alike(weeks, settings, store, tmp_path):
    report = weeks.report(weeks.batch(16, sample_frame()))
    path = log_of(sample_frame().assign(trend_score=None), tmp_path)
    facts = report_application_log(weeks.connection, store, settings, report.report_id, path, 7, NOW)
    assert (facts["drifted"], facts["unknown"]) == (False, True)
    assert "could not be compared in trend_score" in store.read(facts["html_uri"]).decode()


def test_the_window_is_told_by_the_clock_of_the_application(weeks, settings, store, tmp_path):
    report = weeks.report(weeks.batch(16, sample_frame()))
    here = settings.model_copy(
        update={"drift": settings.drift.model_copy(update={"application_log_time_zone": "Africa/Casablanca"})}
    )
    path = written(tmp_path, line(moment=UNTIL + timedelta(minutes=59)), line(moment=SINCE + timedelta(minutes=59)))
    facts = report_application_log(weeks.connection, store, here, report.report_id, path, 7, NOW)
    assert (facts["lines"], facts["outside"]) == (1, 1)
    until = json.loads(store.read(facts["json_uri"]))["current"]["until"]
    assert until == "2026-11-24T03:00:00+01:00"
