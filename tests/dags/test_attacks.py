"""Ways round the approval, through the DAGs: each is refused or changes nothing, says why, and stays in the record."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from future_skills.config import Settings, TrainingSettings
from future_skills.database import connect, execute, fetch_row, fetch_rows, fetch_value
from future_skills.ledger.versions import champion, get_version
from future_skills.store.artifacts import Store
from orchestration.approval import record
from orchestration.assets import CANDIDATE, CHAMPION
from orchestration.connections import Resources
from orchestration.refusals import trusted_extras
from support.pipeline import Workbench
from support.prepared import on_server
from support.registry import deployed as deploy_in_turn

QUICK_TRAINING = {"training": TrainingSettings(estimator="logistic_regression", folds=2)}
TESTER = "dag_test"
"""Whom Airflow names as the user of the runs these tests start."""


@pytest.fixture
def asked(run_dag, installation, settings, monkeypatch):
    """v1 is a candidate that a person has to approve and DevOps to deploy."""
    monkeypatch.setenv("APPROVAL", "required")
    monkeypatch.setenv("DEPLOY", "manual")
    assert run_dag("retraining").tasks["register_candidate"] == "success"
    assert "| requested |" in Store.open(settings.store_uri).path("MODEL_REGISTRY.md").read_text(encoding="utf-8")
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
    assert not forced.pull("record_decision", key="outcome")["counts"]
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
    outcome = refused.pull("record_decision", key="outcome")
    assert (outcome["event"], outcome["counts"]) == ("refused", False)
    assert f"{TESTER} asked for v1: somebody else has to approve it" in outcome["reason"]
    assert approvals(asked)[-1] == ("refused", TESTER)
    answer("Approve", user="drh.two")
    answered = run_dag("promotion", {"request_id": "request-1"})
    assert answered.state == "success"
    assert approvals(asked)[-1] == ("approved", "drh.two")
    assert answered.pull("record_decision", key="outcome") == {"event": "approved", "counts": True, "reason": None}


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


@pytest.fixture
def recording(asked, store, keys):
    """Record what a run of the promotion brought; returns the task that follows."""
    work = Resources(asked, store, keys, Settings())

    def record_run(run_id, response=None, *, was_asked=True):
        run = SimpleNamespace(dag_id="future_skills_promotion", run_id=run_id)
        return record(work, "request-1", response, run, asked=was_asked)

    return record_run


def test_who_was_not_asked_has_not_approved_when_the_setting_has_changed(asked, recording):
    assert recording("run-1", was_asked=False) == "ask_again"
    [row] = fetch_rows(asked, "SELECT * FROM future_skills_ops.approval WHERE event <> 'requested'")
    assert (row["event"], row["actor"]) == ("refused", None)
    assert "APPROVAL was auto when the request came" in row["reason"]


def test_after_twenty_answers_that_do_not_count_an_admin_is_needed(recording):
    for number in range(1, 20):
        assert recording(f"run-{number}") == "ask_again"
    with pytest.raises(AirflowFailException, match="20 answers about v1 did not count"):
        recording("run-20")


def test_an_answer_given_while_the_ledger_is_down_is_recorded_with_its_own_time(run_dag, asked, answer, hr_template):
    database = asked.info.dbname
    asked.rollback()

    def outage():
        """From the moment a person answers until recording it has failed once."""
        wait_for_state("request_approval", "awaiting_input")
        on_server(hr_template, f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        answer("Approve", reason="in time")
        wait_for_state("record_decision", "up_for_retry")
        on_server(hr_template, f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")

    with ThreadPoolExecutor(1) as pool:
        over = pool.submit(outage)
        answered = run_dag("promotion")
        over.result()
    assert answered.state == "success"
    settled = fetch_row(asked, "SELECT * FROM future_skills_ops.approval ORDER BY event_id DESC LIMIT 1")
    asked.rollback()
    assert (settled["event"], settled["actor"], settled["reason"]) == ("approved", "drh.one", "in time")
    assert settled["at"] == answered_at(answered.run_id)


def answered_at(run_id):
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(HITLDetail.responded_at).join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
    with create_session(scoped=False) as session:
        return session.scalar(query.where(TaskInstance.run_id == run_id))


def wait_for_state(task_id, state):
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = select(TaskInstance).where(TaskInstance.task_id == task_id, TaskInstance.state == state)
    for _ in range(600):
        with create_session(scoped=False) as session:
            if session.scalars(wanted).first():
                return
        time.sleep(0.2)
    raise AssertionError(f"{task_id} is never {state}")


def test_an_answer_after_the_expiry_deploys_nothing(run_dag, asked, answer, hr_dsn):
    def too_late():
        """The question is open when its time is over; only then somebody answers."""
        wait_for_state("request_approval", "awaiting_input")
        time_is_over(hr_dsn)
        answer("Approve")

    asked.rollback()
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(too_late)
        late = run_dag("promotion")
        answering.result()
    assert late.tasks["ask_again"] == late.tasks["request_deployment"] == "skipped"
    assert late.pull("record_decision", key="outcome")["event"] == "expired"
    assert approvals(asked)[-1] == ("expired", "drh.one")
    assert run_dag("deployment", {"version": "v1"}).state == "failed"
    assert nothing_deployed(asked)


def test_a_request_whose_time_is_over_is_put_to_nobody(run_dag, asked, hr_dsn):
    asked.rollback()
    time_is_over(hr_dsn)
    unasked = run_dag("promotion")
    assert (unasked.tasks["open_request"], unasked.tasks["request_approval"]) == ("skipped", "skipped")
    assert fetch_value(asked, "SELECT count(*) FROM future_skills_ops.outbox WHERE cause = 'approval_request'") == 0


def time_is_over(hr_dsn):
    """As if 6 days had passed: every request's limit is a moment ago, in the record that nobody else can change."""
    with closing(connect(hr_dsn)) as connection, connection:
        execute(connection, "SET session_replication_role = replica")
        execute(connection, "UPDATE future_skills_ops.approval SET expires_at = now() - interval '1 second'")


def test_a_long_reason_does_not_lose_the_answer(run_dag, asked, answer):
    answer("Approve", reason="long " * 1_000)
    assert run_dag("promotion").state == "success"
    assert fetch_value(asked, "SELECT length(reason) FROM future_skills_ops.approval WHERE event = 'approved'") == 2_000


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


def test_events_made_by_hand_alone_start_no_prediction(run_dag, three_deployed, monkeypatch):
    made_by_hand = SimpleNamespace(extra={"version": "v3", "from_rest_api": True}, timestamp=1)
    monkeypatch.setattr(RuntimeTaskInstance, "get_template_context", started_by(made_by_hand))
    forged = run_dag("prediction")
    assert (forged.state, forged.tasks["plan"], forged.tasks["publish"]) == ("success", "skipped", "skipped")
    assert [row["action"] for row in refusals(three_deployed.connection)] == ["predict"]
    emitted = SimpleNamespace(extra={"version": "v3", "chain_id": "c"}, timestamp=2)
    monkeypatch.setattr(RuntimeTaskInstance, "get_template_context", started_by(made_by_hand, emitted))
    assert run_dag("prediction").tasks["publish"] == "success"


def test_events_made_by_hand_alone_start_no_drift_report(run_dag, installation, monkeypatch):
    for number, extra in enumerate(({"batch_id": "b-9"}, {"batch_id": {"a": 1}}, {})):
        made_by_hand = SimpleNamespace(extra={**extra, "from_rest_api": True}, timestamp=1)
        monkeypatch.setattr(RuntimeTaskInstance, "get_template_context", started_by(made_by_hand))
        forged = run_dag("drift")
        assert (forged.state, forged.tasks["report"]) == ("success", "skipped")
        assert [row["action"] for row in refusals(installation)] == ["drift"] * (number + 1)


def started_by(*events):
    """The context of a task in a run that these events started: `dag.test` starts runs by hand."""
    own = RuntimeTaskInstance.get_template_context

    def context(instance):
        return {**own(instance), "triggering_asset_events": {CHAMPION: list(events)}}

    return context


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


def test_a_replaced_model_is_put_to_nobody(run_dag, asked, settings):
    path = Store.open(settings.store_uri).resolve(get_version(asked, "v1").artifacts["served"].uri)
    asked.rollback()
    path.write_bytes(b"another model")
    unasked = run_dag("promotion")
    assert unasked.tasks["open_request"] == unasked.tasks["record_decision"] == "failed"
    [row] = refusals(asked)
    assert (row["action"], row["subject"], row["dag_run_id"]) == ("ask", "request-1", unasked.run_id)
    assert "is not the file that was registered" in row["reason"]
    assert approvals(asked) == [("requested", TESTER)]


def test_a_replaced_model_predicts_nothing_and_that_is_recorded_once(run_dag, three_deployed):
    bench = three_deployed
    path = bench.store.resolve(get_version(bench.connection, "v3").artifacts["served"].uri)
    bench.connection.rollback()
    path.write_bytes(b"another model")
    stopped = run_dag("prediction")
    assert stopped.tasks["score[0]"] == stopped.tasks["score[1]"] == "failed"
    [row] = refusals(bench.connection)
    assert (row["action"], row["actor"], row["dag_run_id"]) == ("predict", TESTER, stopped.run_id)
    assert row["subject"].endswith("-v3-en")
    assert "is not the file that was registered" in row["reason"]


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
