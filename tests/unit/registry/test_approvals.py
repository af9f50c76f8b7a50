"""A request names the exact artefact, is answered once by somebody else, and the record can be read but not rewritten."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.ledger.versions import get_evaluation, get_version
from future_skills.registry.approvals import (
    UnknownRequestError,
    append_event,
    current_request,
    expire_requests,
    get_request,
    lock_request,
    open_requests,
    record_no_answer,
    refused_answers,
)
from future_skills.registry.candidates import NotACandidateError, gate_evaluation
from future_skills.registry.deployment_checks import NotDeployableError
from future_skills.registry.refusals import Attempt, record_refusal
from support.pipeline import Workbench
from support.registry import answer, approved, candidate, deployed, events, judged_now, late, long_ago, under, with_gate

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

# Candidates


def test_a_candidate_names_the_exact_artefact_and_the_champion_it_was_compared_with(bench):
    deployed(bench, 1)
    request = candidate(bench, 2)
    assert (request.version, request.champion_version, request.state) == ("v2", "v1", "requested")
    assert request.digest == get_version(bench.connection, "v2").digest
    assert set(request.metrics) == {"allowed_loss", "overall", "baselines", "comparison", "accuracy_known"}


def test_only_what_was_judged_against_the_deployed_model_becomes_a_candidate(bench):
    deployed(bench, 1)
    with pytest.raises(NotACandidateError, match="v2 was compared with no model, but v1 is deployed now: evaluate it again"):
        asked_by(bench, 2)
    assert events(bench) == [("v1", "requested"), ("v1", "approved")]
    judged_now(bench, 3)
    deployed(bench, 2)
    with pytest.raises(NotACandidateError, match="v3 was compared with v1, but v2 is deployed now"):
        asked_by(bench, 3)
    again = bench.evaluate(get_version(bench.connection, "v3"))
    assert again.champion_version == "v2"
    let_through(bench, again.evaluation_id)
    assert asked_by(bench, again.evaluation_id).champion_version == "v2"


def test_the_deployed_model_may_be_put_to_the_manager_anew(bench):
    deployed(bench, 1)
    again = bench.evaluate(get_version(bench.connection, "v1"))
    assert again.champion_version is None
    let_through(bench, again.evaluation_id)
    assert asked_by(bench, again.evaluation_id).champion_version == "v1"


def asked_by(bench: Workbench, evaluation_id: int):
    """The request that an evaluation leads to, as it is."""
    return bench.ask(get_evaluation(bench.connection, evaluation_id))


def let_through(bench: Workbench, evaluation_id: int) -> None:
    execute(
        bench.connection,
        "UPDATE future_skills_ops.evaluation SET verdict = 'promote' WHERE evaluation_id = %s",
        (evaluation_id,),
    )
    bench.connection.commit()


def test_asking_again_returns_the_same_request(bench):
    assert candidate(bench, 1) == candidate(bench, 1)
    assert events(bench) == [("v1", "requested")]


def test_a_newer_candidate_supersedes_the_one_that_waits(bench):
    candidate(bench, 1)
    candidate(bench, 2)
    assert events(bench) == [("v1", "requested"), ("v1", "superseded"), ("v2", "requested")]
    assert [request.version for request in open_requests(bench.connection)] == ["v2"]
    assert answer(bench, 1, "approved").state == "superseded"


@pytest.mark.parametrize("verdict, mode", [("keep", "enforce"), ("reject", "enforce"), ("insufficient", "enforce")])
def test_only_what_the_gate_lets_through_becomes_a_candidate(bench, verdict, mode):
    execute(
        bench.connection,
        "UPDATE future_skills_ops.evaluation SET verdict = %s, gate_mode = %s WHERE version = 'v1'",
        (verdict, mode),
    )
    with pytest.raises(NotACandidateError, match=verdict):
        candidate(bench, 1)


def test_a_dry_run_is_recorded_and_makes_no_candidate(bench):
    execute(bench.connection, "UPDATE future_skills_ops.evaluation SET verdict = NULL, checks = NULL, gate_mode = NULL")
    bench.connection.commit()
    dry = with_gate(bench, mode="dry_run")
    judged = gate_evaluation(dry.connection, dry.settings, 1)
    assert (judged.verdict, judged.gate_mode, judged.judged_at is not None) == ("promote", "dry_run", True)
    with pytest.raises(NotACandidateError, match="dry_run"):
        candidate(bench, 1)
    assert gate_evaluation(bench.connection, bench.settings, 1) == judged


# Answers


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_an_answer_settles_a_request_once(bench, decision):
    candidate(bench, 1)
    assert answer(bench, 1, decision).state == decision
    other = "approved" if decision == "rejected" else "rejected"
    assert answer(bench, 1, other, dag_run_id="later").state == decision
    assert events(bench) == [("v1", "requested"), ("v1", decision), ("v1", "refused")]


def test_the_same_run_recording_its_answer_again_changes_nothing(bench):
    candidate(bench, 1)
    assert answer(bench, 1, "approved") == answer(bench, 1, "approved")
    assert len(events(bench)) == 2


@pytest.mark.parametrize("actor", [None, "drh"])
def test_no_answer_or_a_late_one_settles_a_request_as_expired(bench, actor):
    candidate(bench if actor is None else late(bench), 1)
    assert answer(bench, 1, "approved", actor=actor).state == "expired"
    with pytest.raises(NotDeployableError, match="expired"):
        bench.deploy("v1")


def test_an_answer_given_in_time_counts_though_it_is_recorded_late(bench):
    short = under(bench, approval_expiry=timedelta(seconds=1))
    asked = candidate(short, 1)
    while datetime.now(UTC) <= asked.expires_at:
        time.sleep(0.1)
    given = asked.asked_at + timedelta(seconds=0.5)
    assert expire_requests(bench.connection) == 0  # an answer may still be on its way
    settled = answer(bench, 1, "approved", answered_at=given)
    assert settled.state == "approved"
    assert settled.valid_until == given + (asked.expires_at - asked.asked_at)
    assert fetch_value(bench.connection, "SELECT at FROM future_skills_ops.approval WHERE event = 'approved'") == given


def test_no_answer_is_given_in_the_future(bench):
    asked = candidate(bench, 1)
    assert answer(bench, 1, "approved", answered_at=asked.expires_at + timedelta(seconds=1)).state == "approved"
    at = fetch_value(bench.connection, "SELECT at FROM future_skills_ops.approval WHERE event = 'approved'")
    assert at <= datetime.now(UTC)


def test_waiting_requests_expire_by_themselves_and_only_late_ones(bench):
    candidate(bench, 1)
    assert expire_requests(bench.connection) == 0
    candidate(late(bench), 2)
    assert expire_requests(bench.connection) == 0
    candidate(long_ago(bench), 3)
    assert expire_requests(bench.connection) == 1
    assert expire_requests(bench.connection) == 0
    assert get_request(bench.connection, "request-3").state == "expired"


def test_an_answer_given_while_requests_expire_is_not_overwritten(bench):
    candidate(long_ago(bench), 1)
    with closing(connect(bench.connection.dsn)) as other, closing(connect(bench.connection.dsn)) as observer:
        lock_request(other, "request-1")
        append_event(other, get_request(other, "request-1"), "rejected", actor="drh", reason=None, dag_run_id="answer")
        observer.autocommit = True
        with ThreadPoolExecutor() as pool:
            expired = pool.submit(expire_requests, bench.connection)
            deadline = time.monotonic() + 20
            while not fetch_value(observer, WAITING) and time.monotonic() < deadline:
                time.sleep(0.02)
            other.commit()
            assert expired.result() == 0
    assert get_request(bench.connection, "request-1").state == "rejected"


def test_an_unknown_request_is_named(bench):
    with pytest.raises(UnknownRequestError, match="request-9"):
        answer(bench, 9, "approved")


@pytest.mark.parametrize("table", ["approval", "deployment"])
@pytest.mark.parametrize("statement", ["UPDATE future_skills_ops.{} SET reason = 'x'", "DELETE FROM future_skills_ops.{}"])
def test_approvals_and_deployments_can_only_be_added_to(bench, table, statement):
    deployed(bench, 1)
    with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
        execute(bench.connection, statement.format(table))


def recorded(bench: Workbench) -> list[tuple]:
    rows = fetch_rows(bench.connection, "SELECT event, actor, reason FROM future_skills_ops.approval ORDER BY event_id")
    bench.connection.commit()
    return [(row["event"], row["actor"], row["reason"]) for row in rows][1:]


def test_the_reason_is_kept_and_that_nobody_gave_one_too(bench):
    candidate(bench, 1)
    answer(bench, 1, "rejected", actor=None, reason=None)
    assert recorded(bench) == [("expired", None, "nobody answered in time, which counts as rejected")]
    candidate(bench, 2)
    answer(bench, 2, "rejected", reason="seen\0 " + "x" * 3_000)
    event, actor, reason = recorded(bench)[-1]
    assert (event, actor, len(reason), reason[:6]) == ("rejected", "drh", 2_000, "seen  ")


def test_what_was_answered_too_late_is_told(bench):
    candidate(late(bench), 1)
    answer(bench, 1, "approved", reason="yes")
    [(event, actor, reason)] = recorded(bench)
    assert (event, actor) == ("expired", "drh")
    assert reason.startswith("answered after ")
    assert reason.endswith("the answer was approved: yes")


# Four eyes


def trained_for(bench: Workbench, user: str | None) -> None:
    execute(bench.connection, "UPDATE future_skills_ops.model_version SET requested_by = %s WHERE version = 'v1'", (user,))
    bench.connection.commit()


@pytest.mark.parametrize(
    "trained, evaluated, actor, counts",
    [
        (None, None, "ada", True),  # the cron asked
        ("bob", "bob", "ada", True),
        ("ada", "ada", "ada", False),
        ("ada", "bob", "ada", False),  # evaluated again by somebody else
        ("ada", None, "ada", False),  # evaluated again by drift
        ("bob", "ada", "ada", False),
        ("Ada", None, "aDA", False),  # Airflow signs both in as the same user
    ],
)
def test_whoever_asked_for_a_version_cannot_approve_it(bench, trained, evaluated, actor, counts):
    trained_for(bench, trained)
    candidate(bench, 1, requested_by=evaluated)
    assert answer(bench, 1, "approved", actor=actor).state == ("approved" if counts else "requested")
    if counts:
        return
    assert recorded(bench) == [
        ("refused", actor, f"{actor} asked for v1: somebody else has to approve it; the answer was approved: as the figures say")
    ]
    with pytest.raises(NotDeployableError, match="requested"):
        bench.deploy("v1")
    assert answer(bench, 1, "approved", actor="eve", dag_run_id="asked again").state == "approved"
    bench.deploy("v1")


def test_whoever_asked_for_a_version_may_withdraw_it(bench):
    candidate(bench, 1, requested_by="ada")
    assert answer(bench, 1, "rejected", actor="ada").state == "rejected"


def test_another_person_answering_in_the_same_run_counts(bench):
    candidate(bench, 1, requested_by="ada")
    answer(bench, 1, "approved", actor="ada")
    answer(bench, 1, "approved", actor="ada")
    assert refused_answers(bench.connection, "request-1") == 1
    assert answer(bench, 1, "approved", actor="eve").state == "approved"


# Attacks on the record


def test_a_question_that_ended_without_an_answer_is_recorded_and_stays_open(bench):
    candidate(bench, 1)
    for _ in range(2):
        assert record_no_answer(bench.connection, "request-1", dag_run_id="forced").state == "requested"
    [(event, actor, reason)] = recorded(bench)
    assert (event, actor) == ("refused", None)
    assert "given a state by hand" in reason
    assert answer(bench, 1, "approved").state == "approved"


def test_an_answer_to_a_settled_request_says_why_it_does_not_count(bench):
    approved(bench, 1)
    again = answer(bench, 1, "rejected", actor="eve", dag_run_id="later", reason="no")
    assert (again.state, again.settled_by, again.settled_in) == ("approved", "drh", "answer-1")
    assert recorded(bench)[-1] == (
        "refused",
        "eve",
        "the request was approved already by drh; the answer was rejected: no",
    )


@pytest.mark.parametrize("table", ["approval", "deployment", "refusal"])
def test_a_record_cannot_be_emptied(bench, table):
    deployed(bench, 1)
    with pytest.raises(psycopg2.errors.RaiseException, match="append-only: TRUNCATE"):
        execute(bench.connection, f"TRUNCATE future_skills_ops.{table} CASCADE")
    bench.connection.rollback()


@pytest.mark.parametrize(
    "statement", ["UPDATE future_skills_ops.refusal SET actor = 'x'", "DELETE FROM future_skills_ops.refusal"]
)
def test_refusals_can_only_be_added_to(bench, statement):
    record_refusal(bench.connection, Attempt("deploy", "v" * 300, "ops", "run"), "not approved")
    with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
        execute(bench.connection, statement)


def test_a_request_is_found_by_its_name_among_those_that_are_open(bench):
    candidate(bench, 1)
    assert current_request(bench.connection).request_id == "request-1"
    assert current_request(bench.connection, ["request-9", "request-1"]).request_id == "request-1"
    assert current_request(bench.connection, ["request-9"]) is None
    candidate(bench, 2)
    assert current_request(bench.connection, ["request-1"]) is None
    assert current_request(bench.connection).request_id == "request-2"
    candidate(late(bench), 3)
    assert [request.request_id for request in open_requests(bench.connection)] == ["request-3"]
    assert current_request(bench.connection) is current_request(bench.connection, ["request-3"]) is None  # its time is over


def test_a_deployment_supersedes_what_would_replace_another_model(bench):
    deployed(bench, 1, 2)
    candidate(bench, 3)
    bench.deploy("v1", kind="rollback")
    assert get_request(bench.connection, "request-3").state == "superseded"
    assert answer(bench, 3, "approved").state == "superseded"


def test_a_deployment_leaves_open_what_would_replace_its_own_model(bench):
    deployed(bench, 1)
    candidate(bench, 2)
    bench.deploy("v1")
    assert [request.version for request in open_requests(bench.connection)] == ["v2"]
