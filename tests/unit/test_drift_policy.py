"""A retraining at the right time: neither a storm, nor a week in which nobody is told."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from future_skills.alerts.held_back import retraining_held_back
from future_skills.config import DriftSettings, MailSettings
from future_skills.database import execute, fetch_row
from future_skills.drift.policy import MONTH, decide_retraining, next_tasks, request_retraining, reusable_dataset
from future_skills.ledger.drift_reports import DriftReportRow, UnknownReportError, get_report
from future_skills.ledger.retraining_requests import RetrainingRequest, list_requests
from support.drift import Weeks, sample_frame

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
REPORT = DriftReportRow(1, "d", "b", "a", "v1", 5, {}, False, False, True, "", "", NOW)


@pytest.fixture
def weeks(hr, store, settings):
    return Weeks(hr, store, settings)


def reports(*drifted, version="v1"):
    """Counted reports, newest first."""
    return [replace(REPORT, drifted=drift, version=version) for drift in drifted]


def requests(*days_ago, version="v1"):
    """Requests made that many days ago, newest first."""
    return [RetrainingRequest(1, 1, version, "", NOW - timedelta(days=days)) for days in days_ago]


@pytest.mark.parametrize(
    "drifted, days_ago, expected",
    [
        ([True, True, False], [], True),
        ([True, False, True], [], True),
        ([True, False, False, True], [], False),
        ([False, True, True], [], False),
        ([True], [], False),
        ([], [], False),
        ([True, True], [7], True),
        ([True, True], [6.9], False),
    ],
)
def test_when_a_retraining_is_due(drifted, days_ago, expected):
    decision = decide_retraining(reports(*drifted), requests(*days_ago), DriftSettings(), NOW)
    assert decision.retrain is expected
    assert decision.held_back == ("cooldown" if days_ago == [6.9] else None)


def test_what_led_to_a_new_version_does_not_count_against_it():
    mixed = [*reports(True, version="v2"), *reports(True, True)]
    decision = decide_retraining(mixed, requests(8), DriftSettings(), NOW)
    assert (decision.retrain, decision.held_back) == (False, None)
    assert decision.reason.startswith("1 of the last 3 datasets drift")


@pytest.mark.parametrize(
    "days_ago, expected",
    [([7], None), ([13.9, 40], "cooldown"), ([14, 40], None), ([27.9, 45, 60], "cooldown"), ([28, 45, 60], None)],
)
def test_each_retraining_that_changed_nothing_doubles_the_wait(days_ago, expected):
    decision = decide_retraining(reports(True, True), requests(*days_ago), DriftSettings(), NOW)
    assert (decision.held_back, decision.retrain) == (expected, expected is None)


def test_a_new_version_starts_with_the_plain_wait():
    past = [*requests(7, version="v1"), *requests(20, 40, version="v1")]
    decision = decide_retraining(reports(True, True, version="v2"), past, DriftSettings(retrain_budget=3), NOW)
    assert decision.retrain


@pytest.mark.parametrize("second, expected", [(29.9, "budget"), (30, None)])
def test_the_month_has_a_budget_and_then_a_person_is_asked(second, expected):
    past = [*requests(8, version="v2"), *requests(second)]
    decision = decide_retraining(reports(True, True, version="v3"), past, DriftSettings(), NOW)
    assert (decision.held_back, decision.retrain) == (expected, expected is None)
    assert ("request_retraining" in next_tasks(reports(True)[0], decision)) is decision.retrain


def test_without_a_budget_drift_only_tells():
    decision = decide_retraining(reports(True, True), [], DriftSettings(retrain_budget=0), NOW)
    assert decision.held_back == "budget"
    assert next_tasks(reports(True)[0], decision) == ["alert"]


@pytest.mark.parametrize("drifted, unknown, expected", [(0, 0, []), (1, 0, ["alert"]), (0, 1, ["alert"]), (1, 1, ["alert"])])
def test_whatever_drifts_or_is_unknown_is_told(drifted, unknown, expected):
    report = replace(REPORT, drifted=bool(drifted), unknown=bool(unknown))
    assert next_tasks(report, decide_retraining([report], [], DriftSettings(), NOW)) == expected


# A year of weekly chains under a fake clock


@dataclass
class Week:
    """What one week brings, and what becomes of a retraining in it."""

    drifted: bool
    unknown: bool
    late: timedelta
    outcome: str


@dataclass
class Year:
    """The ledger of a simulated year, newest first."""

    version: int = 1
    reports: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    tasks: list = field(default_factory=list)
    decisions: list = field(default_factory=list)

    def live(self, week: Week, now: datetime, thresholds: DriftSettings) -> None:
        """A chain, what is decided after it, and the retraining that may follow."""
        name = f"v{self.version}"
        report = replace(REPORT, version=name, drifted=week.drifted, unknown=week.unknown, created_at=now)
        self.reports.insert(0, report)
        decision = decide_retraining(self.reports, self.requests, thresholds, now)
        self.decisions.append((report, decision))
        self.tasks.append(next_tasks(report, decision))
        if decision.retrain:
            self.requests.insert(0, RetrainingRequest(1, 1, name, "", now, outcome=week.outcome))
            self.version += week.outcome == "promote"


WEEKS = st.lists(
    st.builds(
        Week,
        drifted=st.booleans(),
        unknown=st.booleans(),
        late=st.timedeltas(timedelta(0), timedelta(days=6)),
        outcome=st.sampled_from(["promote", "keep", "reject", "failed"]),
    ),
    min_size=52,
    max_size=52,
)


def lived(weeks, thresholds):
    year = Year()
    for number, week in enumerate(weeks):
        year.live(week, NOW + timedelta(weeks=number) + week.late, thresholds)
    return year


@hypothesis_settings(max_examples=300, deadline=None)
@given(WEEKS, st.integers(0, 4))
def test_no_year_has_a_storm_or_a_silent_week(weeks, budget):
    thresholds = DriftSettings(retrain_budget=budget)
    year = lived(weeks, thresholds)
    asked = [request.requested_at for request in reversed(year.requests)]
    assert all(later - earlier >= thresholds.retrain_cooldown for earlier, later in itertools.pairwise(asked))
    assert all(sum(moment - MONTH < other <= moment for other in asked) <= budget for moment in asked)
    for version in {request.version for request in year.requests}:
        own = [request.requested_at for request in reversed(year.requests) if request.version == version]
        gaps = [later - earlier for earlier, later in itertools.pairwise(own)]
        assert all(gap >= thresholds.retrain_cooldown * 2**number for number, gap in enumerate(gaps))
    for (report, decision), tasks in zip(year.decisions, year.tasks, strict=True):
        assert ("alert" in tasks) is (report.drifted or report.unknown), "whoever should know is told in that very week"
        assert decision.retrain <= report.drifted
        assert len(tasks) == len(set(tasks))


@hypothesis_settings(max_examples=100, deadline=None)
@given(WEEKS)
def test_a_drift_that_lasts_is_always_answered(weeks):
    """Two drifted weeks of one version bring a retraining, or say what holds it back."""
    year = lived(weeks, DriftSettings())
    newest_first = list(reversed(year.decisions))
    for (report, decision), (before, _) in itertools.pairwise(newest_first):
        if report.drifted and before.drifted and report.version == before.version:
            assert decision.retrain or decision.held_back


@pytest.mark.parametrize("outcome, most", [("keep", 6), ("reject", 6), ("failed", 6), ("promote", 24)])
def test_a_year_of_nothing_but_drift(outcome, most):
    year = lived([Week(drifted=True, unknown=False, late=timedelta(0), outcome=outcome)] * 52, DriftSettings())
    assert 3 <= len(year.requests) <= most
    assert year.tasks.count([]) == 0


def test_a_year_without_drift_asks_for_nothing():
    year = lived([Week(drifted=False, unknown=False, late=timedelta(0), outcome="promote")] * 52, DriftSettings())
    assert (year.requests, [task for week in year.tasks for task in week]) == ([], [])


# In the ledger


def test_two_drifted_datasets_ask_once(weeks, settings):
    weeks.batch(10, sample_frame())
    drifted = sample_frame().assign(level="HIGH")
    first, second, third = (weeks.report(weeks.batch(week, drifted)) for week in (16, 23, 30))
    assert not request_retraining(weeks.connection, settings, second.report_id).retrain, "a newer report decides"
    assert not request_retraining(weeks.connection, settings, first.report_id).retrain
    asked = request_retraining(weeks.connection, settings, third.report_id)
    assert asked.request_id is not None
    assert request_retraining(weeks.connection, settings, third.report_id) == asked
    row = fetch_row(weeks.connection, "SELECT * FROM future_skills_ops.retraining_request")
    assert row["reason"].startswith("3 of the last 3 datasets drift (")
    assert row["reason"].endswith("in the newest: level")
    assert row["dag_run_id"] == f"drift__{third.report_id}"


@pytest.fixture
def asked(weeks, settings):
    """A ledger in which two drifted weeks have asked for a retraining, and a third one that has only been reported."""
    weeks.batch(2, sample_frame())
    drifted = sample_frame().assign(level="HIGH")
    for week in (9, 16):
        made = request_retraining(weeks.connection, settings, weeks.report(weeks.batch(week, drifted)).report_id)
    assert made.retrain
    weeks.last = weeks.report(weeks.batch(23, drifted)).report_id
    return weeks


def age(weeks, days):
    execute(
        weeks.connection, "UPDATE future_skills_ops.retraining_request SET requested_at = now() - %s * interval '1 day'", (days,)
    )
    weeks.connection.commit()


def test_a_second_request_waits_for_the_cooldown(asked, settings):
    assert request_retraining(asked.connection, settings, asked.last).held_back == "cooldown"
    age(asked, 7)
    decision = request_retraining(asked.connection, settings, asked.last)
    assert decision.retrain
    assert len(list_requests(asked.connection, 5)) == 2
    assert list_requests(asked.connection, 3) == []


def test_what_became_of_a_request_is_the_verdict_of_its_run(asked):
    (request,) = list_requests(asked.connection, 5)
    assert (request.outcome, request.version) == (None, "v1")
    age(asked, 1.01)
    assert list_requests(asked.connection, 5)[0].outcome == "failed"
    for key, verdict in ((f"{request.dag_run_id}/v1", "keep"), (f"{request.dag_run_id}9/v1", "promote")):
        execute(
            asked.connection,
            "INSERT INTO future_skills_ops.evaluation (version, dataset_id, request_key, population, mode, metrics, verdict)"
            " VALUES ('v1', '20261109T020000000Z-00000000', %s, 'cv', 'refresh', '{}', %s)",
            (key, verdict),
        )
    asked.connection.commit()
    assert list_requests(asked.connection, 5)[0].outcome == "keep"


@pytest.mark.parametrize("language, word", [("en", "a person decides"), ("fr", "à une personne de décider")])
def test_a_spent_budget_is_mailed_once_a_month(asked, settings, language, word):
    spent = settings.model_copy(
        update={
            "drift": DriftSettings(retrain_budget=1),
            "mail": MailSettings(data_scientists=["ds@example.com"]),
            "future_skills_language": language,
        }
    )
    age(asked, 8)
    decision = request_retraining(asked.connection, spent, asked.last)
    assert decision.held_back == "budget"
    report, past = get_report(asked.connection, asked.last), list_requests(asked.connection, 5)
    (mail,) = retraining_held_back(spent, report, decision, past)
    assert word in mail.subject
    assert "v1" in mail.text
    assert "failed" in mail.text
    assert report.html_uri in mail.text
    later = replace(report, report_id=99, created_at=report.created_at)
    assert retraining_held_back(spent, later, decision, past)[0].period == mail.period
    assert retraining_held_back(spent, report, replace(decision, held_back="cooldown"), past) == []


def test_a_retraining_uses_the_dataset_while_it_is_young(weeks):
    report = weeks.report(weeks.batch(16, sample_frame()))
    exported_at = fetch_row(
        weeks.connection, "SELECT created_at FROM future_skills_ops.dataset WHERE dataset_id = %s", (report.dataset_id,)
    )["created_at"]
    young, old = exported_at + timedelta(hours=23, minutes=59), exported_at + timedelta(hours=24)
    assert reusable_dataset(weeks.connection, report.report_id, young) == report.dataset_id
    assert reusable_dataset(weeks.connection, report.report_id, old) is None
    with pytest.raises(UnknownReportError, match="no drift report 99"):
        reusable_dataset(weeks.connection, 99, young)
    assert get_report(weeks.connection, report.report_id) == report
