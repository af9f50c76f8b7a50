"""Ways round the approval, through the DAGs: each is refused or changes nothing, says why, and stays in the record."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from future_skills.config import TrainingSettings
from future_skills.database import fetch_row, fetch_rows, fetch_value
from future_skills.ledger.versions import champion, get_version
from future_skills.store.artifacts import Store
from orchestration.assets import CANDIDATE, CHAMPION
from orchestration.refusals import trusted_extras
from support.pipeline import Workbench
from support.registry import deployed as deploy_in_turn

QUICK_TRAINING = {"training": TrainingSettings(estimator="logistic_regression", folds=2)}
TESTER = "dag_test"
"""Whom Airflow names as the user of the runs these tests start."""


@pytest.fixture
def asked(run_dag, installation, monkeypatch):
    """v1 is a candidate that a person has to approve and DevOps to deploy."""
    monkeypatch.setenv("APPROVAL", "required")
    monkeypatch.setenv("DEPLOY", "manual")
    assert run_dag("retraining").tasks["register_candidate"] == "success"
    return installation


def approvals(hr):
    rows = fetch_rows(hr, "SELECT event, actor, reason FROM future_skills_ops.approval ORDER BY event_id")
    hr.rollback()
    return [(row["event"], row["actor"]) for row in rows]


def refusals(hr):
    rows = fetch_rows(hr, "SELECT * FROM future_skills_ops.refusal ORDER BY refusal_id")
    hr.rollback()
    return rows


def nothing_deployed(hr):
    found = fetch_value(hr, "SELECT count(*) FROM future_skills_ops.deployment")
    hr.rollback()
    return found == 0


# The approval


def test_a_state_set_by_hand_is_no_approval_and_the_question_is_put_anew(run_dag, asked, answer):
    forced = run_dag("promotion", mark_success_pattern="request_approval")
    assert forced.tasks["ask_again"] == "success"
    assert forced.tasks["request_deployment"] == "skipped"
    assert approvals(asked) == [("requested", TESTER), ("refused", None)]
    assert forced.pull("ask_again", key="trigger_run_id") == "ask__request-1__1"
    mail = fetch_row(asked, "SELECT recipient, text_part FROM future_skills_ops.outbox WHERE cause = 'failure'")
    asked.rollback()
    assert mail["recipient"] == "devops@example.com"
    assert "a state set by hand is no approval" in mail["text_part"]
    assert run_dag("deployment", {"version": "v1"}).tasks["verify"] == "failed"
    [row] = refusals(asked)
    assert (row["action"], row["subject"]) == ("deploy", "v1")
    assert "v1 has no approval (requested)" in row["reason"]
    answer("Approve")
    assert run_dag("promotion", {"request_id": "request-1"}).tasks["ask_again"] == "skipped"
    assert approvals(asked)[-1] == ("approved", "drh.one")
    letters = fetch_value(asked, "SELECT count(*) FROM future_skills_ops.outbox WHERE cause = 'approval_request'")
    assert letters == 2


def test_whoever_asked_for_the_training_is_refused_and_somebody_else_is_asked(run_dag, asked, answer):
    answer("Approve", reason="mine", user=TESTER)
    refused = run_dag("promotion")
    assert refused.tasks["ask_again"] == "success"
    assert approvals(asked)[-1] == ("refused", TESTER)
    answer("Approve", user="drh.two")
    assert run_dag("promotion", {"request_id": "request-1"}).state == "success"
    assert approvals(asked)[-1] == ("approved", "drh.two")


def test_a_second_answer_to_an_approved_request_deploys_nothing(run_dag, asked, answer, monkeypatch):
    answer("Approve")
    run_dag("promotion")
    monkeypatch.setenv("DEPLOY", "auto")
    again = run_dag("promotion", {"request_id": "request-1"})
    assert again.tasks["request_approval"] == "skipped"
    assert again.tasks["request_deployment"] == "skipped"
    assert approvals(asked) == [("requested", TESTER), ("approved", "drh.one")]


def test_an_automatic_approval_does_not_outlive_the_setting(run_dag, installation, monkeypatch):
    monkeypatch.setenv("DEPLOY", "manual")
    run_dag("retraining")
    run_dag("promotion")
    assert approvals(installation)[-1] == ("approved", "APPROVAL=auto")
    monkeypatch.setenv("APPROVAL", "required")
    assert run_dag("deployment").tasks["verify"] == "failed"
    assert "v1 was approved by APPROVAL=auto, but a person has to approve it now" in refusals(installation)[0]["reason"]
    assert nothing_deployed(installation)


def test_an_answer_after_the_expiry_deploys_nothing(run_dag, installation, answer, monkeypatch):
    monkeypatch.setenv("APPROVAL", "required")
    monkeypatch.setenv("APPROVAL_EXPIRY", "-PT1S")
    run_dag("retraining")
    monkeypatch.delenv("APPROVAL_EXPIRY")
    answer("Approve")
    late = run_dag("promotion")
    assert late.tasks["ask_again"] == late.tasks["request_deployment"] == "skipped"
    assert approvals(installation)[-1] == ("expired", "drh.one")
    assert run_dag("deployment", {"version": "v1"}).state == "failed"
    assert nothing_deployed(installation)


# Events and configurations


@pytest.mark.parametrize("forged", [{"request_id": "request-9"}, {"request_id": {"a": 1}}, {}])
def test_an_event_made_through_the_api_is_recorded_and_left_out(installation, forged):
    run = SimpleNamespace(run_id="asset_triggered__1")
    events = [
        SimpleNamespace(extra={"request_id": "request-1"}, timestamp=1),
        SimpleNamespace(extra={**forged, "from_rest_api": True}, timestamp=2),
    ]
    assert trusted_extras(installation, "ask", run, {CANDIDATE: events}) == [{"request_id": "request-1"}]
    [row] = refusals(installation)
    assert (row["action"], row["dag_run_id"], row["subject"][:12]) == ("ask", "asset_triggered__1", "asset event ")
    assert trusted_extras(installation, "predict", run, {CHAMPION: events[1:]}) == []
    assert trusted_extras(installation, "predict", run, None) == []


def test_a_request_that_nobody_made_is_asked_of_nobody(run_dag, asked):
    assert run_dag("promotion", {"request_id": "request-9"}).tasks["request_approval"] == "skipped"
    assert approvals(asked) == [("requested", TESTER)]


def test_an_unapproved_version_is_not_deployed_whatever_the_configuration_says(run_dag, asked):
    forged = {"version": "v1", "kind": "deploy", "requested_by": "drh.one", "approved": True, "request_id": "request-1"}
    assert run_dag("deployment", forged).tasks["verify"] == "failed"
    assert run_dag("deployment", {**forged, "kind": "rollback"}).tasks["verify"] == "failed"
    assert run_dag("deployment", {"version": "v99"}).tasks["verify"] == "failed"
    assert run_dag("deployment").tasks["verify"] == "failed"
    assert [(row["action"], row["subject"]) for row in refusals(asked)] == [
        ("deploy", "v1"), ("rollback", "v1"), ("deploy", "v99"), ("deploy", "no version named"),
    ]  # fmt: skip
    assert nothing_deployed(asked)


@pytest.mark.parametrize("by_hand, refused_by", [("verify", "smoke_test"), ("verify|smoke_test", "promote")])
def test_a_check_marked_by_hand_is_no_check(run_dag, asked, by_hand, refused_by):
    forced = run_dag("deployment", {"version": "v1"}, mark_success_pattern=by_hand)
    assert forced.tasks[refused_by] == "failed"
    assert "a state set by hand is no check" in refusals(asked)[0]["reason"]
    assert nothing_deployed(asked)


def test_a_version_that_was_never_deployed_predicts_nothing(run_dag, asked):
    assert run_dag("prediction", {"version": "v1"}).tasks["plan"] == "failed"
    [row] = refusals(asked)
    assert (row["action"], row["subject"]) == ("predict", "v1")
    assert "v1 was never deployed" in row["reason"]
    assert fetch_value(asked, "SELECT count(*) FROM future_skills_futureskillprediction") == 0


def test_an_export_starts_no_training_whatever_the_configuration_says(run_dag, installation):
    forged = {"estimator": "ridge", "version": "v1", "report_id": 1, "refresh": True, "requested_by": "scientist"}
    exported = run_dag("export", forged)
    assert exported.state == "success"
    assert set(exported.tasks) == {"export", "validate"}
    for table in ("model_version", "approval"):
        assert fetch_value(installation, f"SELECT count(*) FROM future_skills_ops.{table}") == 0
    chain = fetch_row(installation, "SELECT * FROM future_skills_ops.chain")
    assert (chain["origin"], chain["dag_run_id"]) == ("manual", exported.run_id)
    assert chain["stages"]["export"]["state"] == "to look at"
    installation.rollback()
    assert run_dag("prediction").tasks["publish"] == "skipped"


# A run cleared as a whole


@pytest.fixture
def three_deployed(installation, hr, store, keys, settings):
    """v1 to v3 were deployed one after another; v3 predicts."""
    quick = settings.model_copy(update={**QUICK_TRAINING, "gate": settings.gate.model_copy(update={"resamples": 200})})
    bench = Workbench(hr, store, keys, quick)
    dataset = bench.export()
    for strength in (1.0, 0.5, 0.25):
        bench.evaluate(bench.train(dataset, parameters={"C": strength}))
    deploy_in_turn(bench, 1, 2, 3)
    return bench


def champion_events():
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session(scoped=False) as session:
        return session.scalar(select(func.count()).where(AssetEvent.source_dag_id == "future_skills_deployment"))


def at(moment):
    """What gives runs of the same moment the same id, as a run that is cleared has."""
    return {"logical_date": moment, "run_after": moment}


def test_a_rollback_cleared_as_a_whole_goes_no_further_back(run_dag, three_deployed):
    back = {"kind": "rollback", "reason": "complaints"}
    begun = datetime(2026, 11, 25, tzinfo=UTC)
    first = run_dag("deployment", back, **at(begun))
    assert champion(three_deployed.connection).version == "v2"
    again = run_dag("deployment", back, **at(begun))
    assert (again.run_id, again.state) == (first.run_id, "success")
    assert again.pull("promote") == first.pull("promote")
    assert champion(three_deployed.connection).version == "v2"
    assert refusals(three_deployed.connection) == []


def test_a_run_whose_version_was_replaced_does_nothing_when_it_is_cleared(run_dag, three_deployed):
    begun = datetime(2026, 11, 26, tzinfo=UTC)
    run_dag("deployment", {"kind": "rollback"}, **at(begun))
    run_dag("deployment", {"kind": "rollback"}, **at(begun + timedelta(days=1)))
    assert champion(three_deployed.connection).version == "v1"
    events = champion_events()
    again = run_dag("deployment", {"kind": "rollback"}, **at(begun))
    assert again.tasks == dict.fromkeys(["verify", "smoke_test", "promote"], "skipped")
    forced = run_dag("deployment", {"kind": "rollback"}, **at(begun), mark_success_pattern="verify|smoke_test")
    assert forced.tasks["promote"] == "skipped"
    assert champion_events() == events
    assert champion(three_deployed.connection).version == "v1"


# Files


def test_a_replaced_model_is_not_deployed_and_the_edited_description_is_mended(run_dag, asked, answer, settings):
    answer("Approve")
    run_dag("promotion")
    store = Store.open(settings.store_uri)
    description = store.path("models/future_skills_model_v1.json")
    honest = description.read_bytes()
    description.write_bytes(honest.replace(b"HIGH", b"LOW"))
    model = store.resolve(get_version(asked, "v1").artifacts["served"].uri)
    asked.rollback()
    content = model.read_bytes()
    model.write_bytes(b"another model")
    assert run_dag("deployment").tasks["verify"] == "failed"
    assert "is not the file that was registered" in refusals(asked)[-1]["reason"]
    assert nothing_deployed(asked)
    model.write_bytes(content)
    assert run_dag("deployment").state == "success"
    assert champion(asked).version == "v1"
    assert description.read_bytes() == honest
    assert [row["action"] for row in refusals(asked)] == ["deploy", "edit"]
