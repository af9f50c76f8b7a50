"""Nothing is deployed that an HR manager has not approved, and the ledger can be read but not rewritten."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.ledger.versions import champion, get_version
from future_skills.registry.approvals import (
    UnknownRequestError,
    append_event,
    expire_requests,
    get_request,
    lock_request,
    open_requests,
    record_answer,
    request_of_version,
)
from future_skills.registry.candidates import NotACandidateError, gate_evaluation, refresh_mode, register_candidate
from future_skills.registry.deployment import (
    DeployHookError,
    DeploymentOrder,
    NotDeployableError,
    promote,
    smoke_test,
    verify_deployment,
)
from future_skills.registry.page import render_registry, write_registry
from future_skills.store.models import load_model, save_model
from future_skills.store.signing import UntrustedArtifactError
from support.pipeline import Workbench
from support.prepared import Prepared, copied, prepared, three_versions


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("registry"), "three_versions", three_versions)


@pytest.fixture
def bench(origin, tmp_path) -> Iterator[Workbench]:
    """v1, v2 and v3 are trained and evaluated; the gate would let each through; nobody was asked."""
    with copied(origin, tmp_path / "copy") as bench:
        yield bench


def candidate(bench: Workbench, number: int):
    """Put version v<number>, whose evaluation has the same number, to the HR manager."""
    return register_candidate(bench.connection, bench.settings, number, requested_by=None, dag_run_id="run")


def answer(bench: Workbench, number: int, decision: str, **fields):
    known = {"actor": "drh", "reason": "as the figures say", "dag_run_id": f"answer-{number}", **fields}
    return record_answer(bench.connection, f"request-{number}", decision, **known)


def events(bench: Workbench) -> list[tuple[str, str]]:
    rows = fetch_rows(bench.connection, "SELECT version, event FROM future_skills_ops.approval ORDER BY event_id")
    bench.connection.commit()
    return [(row["version"], row["event"]) for row in rows]


def deployed(bench: Workbench, *numbers: int) -> None:
    for number in numbers:
        candidate(bench, number)
        answer(bench, number, "approved")
        bench.deploy(f"v{number}")


def late(bench: Workbench) -> Workbench:
    """The same, where a request expires at once."""
    settings = bench.settings.model_copy(update={"approval_expiry": timedelta(seconds=-1)})
    return Workbench(bench.connection, bench.store, bench.keys, settings)


def with_gate(bench: Workbench, **thresholds) -> Workbench:
    settings = bench.settings.model_copy(update={"gate": bench.settings.gate.model_copy(update=thresholds)})
    return Workbench(bench.connection, bench.store, bench.keys, settings)


WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

# Candidates


def test_a_candidate_names_the_exact_artefact_and_the_champion_it_was_compared_with(bench):
    deployed(bench, 1)
    request = candidate(bench, 2)
    assert (request.version, request.champion_version, request.state) == ("v2", "v1", "requested")
    assert request.digest == get_version(bench.connection, "v2").digest
    assert set(request.metrics) == {"overall", "baselines", "comparison", "accuracy_known"}


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


def test_waiting_requests_expire_by_themselves_and_only_late_ones(bench):
    candidate(bench, 1)
    assert expire_requests(bench.connection) == 0
    candidate(late(bench), 2)
    assert expire_requests(bench.connection) == 1
    assert expire_requests(bench.connection) == 0
    assert get_request(bench.connection, "request-2").state == "expired"


def test_an_answer_given_while_requests_expire_is_not_overwritten(bench):
    candidate(late(bench), 1)
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


# Deployment


def test_the_champion_is_the_newest_deployment(bench):
    assert champion(bench.connection) is None
    deployed(bench, 1, 2)
    assert champion(bench.connection).version == "v2"
    rows = fetch_rows(bench.connection, "SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id")
    assert [(row["version"], row["previous_version"], row["request_id"], row["actor"]) for row in rows] == [
        ("v1", None, "request-1", "devops"),
        ("v2", "v1", "request-2", "devops"),
    ]


@pytest.mark.parametrize("state, told", [(None, "never asked for"), ("requested", "requested"), ("rejected", "rejected")])
def test_nothing_is_deployed_without_an_approval(bench, state, told):
    if state:
        candidate(bench, 1)
    if state == "rejected":
        answer(bench, 1, "rejected")
    for attempt in (
        lambda: verify_deployment(bench.connection, bench.store, bench.keys, "v1"),
        lambda: promote_unverified(bench),
    ):
        with pytest.raises(NotDeployableError, match=told):
            attempt()
    assert champion(bench.connection) is None


def promote_unverified(bench: Workbench, **fields) -> int:
    order = {"version": "v1", "kind": "deploy", "actor": "devops", "reason": None, "request_key": "key", **fields}
    return promote(bench.connection, bench.store, bench.keys, bench.settings, DeploymentOrder(**order))


def test_an_approval_is_of_one_artefact(bench):
    candidate(bench, 1)
    answer(bench, 1, "approved")
    execute(
        bench.connection,
        "UPDATE future_skills_ops.model_version SET artifacts = jsonb_set(artifacts, '{served,sha256}', '\"0\"')",
    )
    bench.connection.commit()
    with pytest.raises(NotDeployableError, match="names another artefact"):
        promote_unverified(bench)


def test_an_approval_is_against_the_champion_of_its_moment(bench):
    candidate(bench, 2)
    answer(bench, 2, "approved")
    deployed(bench, 1)
    with pytest.raises(NotDeployableError, match="approved against no champion, but v1 is deployed now"):
        bench.deploy("v2")


def test_an_approved_version_may_be_deployed_again_after_a_rollback(bench):
    deployed(bench, 1, 2)
    bench.deploy("v1", kind="rollback", reason="worse in practice")
    assert champion(bench.connection).version == "v1"
    bench.deploy("v2")
    assert champion(bench.connection).version == "v2"


def test_a_rollback_returns_only_to_what_was_deployed_and_needs_no_approval(bench):
    deployed(bench, 1)
    with pytest.raises(NotDeployableError, match="v2 was never deployed"):
        bench.deploy("v2", kind="rollback")
    candidate(bench, 2)
    answer(bench, 2, "approved")
    with pytest.raises(NotDeployableError, match="v2 was never deployed"):
        promote_unverified(bench, version="v2", kind="rollback")


@pytest.mark.parametrize("stage", [verify_deployment, smoke_test])
def test_a_changed_model_file_is_refused(bench, stage):
    candidate(bench, 1)
    answer(bench, 1, "approved")
    path = bench.store.resolve(get_version(bench.connection, "v1").artifacts["served"].uri)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(UntrustedArtifactError):
        stage(bench.connection, bench.store, bench.keys, "v1")
    with pytest.raises(UntrustedArtifactError):
        promote_unverified(bench)
    assert not bench.store.path("future_skills_model.pkl").exists()


def test_a_model_that_gives_no_probabilities_fails_the_smoke_test(bench):
    version = get_version(bench.connection, "v1")
    pipeline = load_model(bench.store, version.artifacts["served"], bench.keys)
    pipeline["clf"].coef_ = pipeline["clf"].coef_ * float("nan")
    broken = save_model(bench.store, "models/broken.pkl", pipeline, bench.keys)
    execute(
        bench.connection,
        "UPDATE future_skills_ops.model_version SET artifacts = artifacts || jsonb_build_object('served', jsonb_build_object("
        "'uri', %s, 'sha256', %s, 'hmac', %s, 'key_id', %s, 'size', %s)) WHERE version = 'v1'",
        (broken.uri, broken.sha256, broken.hmac, broken.key_id, broken.size),
    )
    with pytest.raises(NotDeployableError, match="probabilities that are none"):
        smoke_test(bench.connection, bench.store, bench.keys, "v1")


def test_the_same_order_again_deploys_nothing_new_but_repairs_the_pointer(bench):
    candidate(bench, 1)
    answer(bench, 1, "approved")
    first = promote_unverified(bench)
    bench.store.path("future_skills_model.env").unlink()
    assert promote_unverified(bench) == first
    assert fetch_value(bench.connection, "SELECT count(*) FROM future_skills_ops.deployment") == 1
    assert bench.store.path("future_skills_model.env").exists()


def test_a_late_repeat_points_at_the_champion_of_now(bench):
    deployed(bench, 1)
    candidate(bench, 2)
    answer(bench, 2, "approved")
    promote_unverified(bench, version="v2", request_key="second")
    promote_unverified(bench, version="v2", request_key="second")
    bench.deploy("v1", kind="rollback")
    promote_unverified(bench, version="v2", request_key="second")
    assert champion(bench.connection).version == "v1"
    assert b"_VERSION=v1\n" in bench.store.path("future_skills_model.env").read_bytes()


def test_the_hr_application_gets_a_copy_and_one_pointer_to_the_immutable_version(bench):
    deployed(bench, 1)
    served = get_version(bench.connection, "v1").artifacts["served"]
    content = bench.store.path("future_skills_model.pkl").read_bytes()
    assert content == bench.store.read(served.uri)
    assert bench.store.path("future_skills_model.env").read_text() == (
        f"FUTURE_SKILLS_MODEL_PATH={served.uri}\nFUTURE_SKILLS_MODEL_VERSION=v1\nFUTURE_SKILLS_MODEL_SHA256={served.sha256}\n"
    )


def test_a_model_the_hr_application_cannot_load_leaves_its_pointer_alone(bench):
    deployed(bench, 1)
    execute(bench.connection, "UPDATE future_skills_ops.model_version SET loadable_by_hr = false WHERE version = 'v2'")
    bench.connection.commit()
    deployed(bench, 2)
    assert champion(bench.connection).version == "v2"
    assert b"_VERSION=v1\n" in bench.store.path("future_skills_model.env").read_bytes()


def test_the_hook_is_told_the_version_and_its_failure_is_one_after_the_deployment(bench, tmp_path):
    candidate(bench, 1)
    answer(bench, 1, "approved")

    def hooked(command: str) -> Workbench:
        settings = bench.settings.model_copy(update={"deploy_hook": command})
        return Workbench(bench.connection, bench.store, bench.keys, settings)

    with pytest.raises(DeployHookError, match="v1 is deployed, but DEPLOY_HOOK failed"):
        promote_unverified(hooked("false"))
    assert champion(bench.connection).version == "v1"
    with pytest.raises(DeployHookError):
        promote_unverified(hooked(str(tmp_path / "absent")))
    promote_unverified(hooked(f"sh -c 'echo $FUTURE_SKILLS_MODEL_VERSION > {tmp_path}/told'"))
    assert (tmp_path / "told").read_text() == "v1\n"
    assert "FUTURE_SKILLS_MODEL_VERSION" not in os.environ


# Refresh


def test_a_refresh_is_asked_for_or_due_to_age_labels_horizon_or_library(bench):
    deployed(bench, 1)
    connection, settings = bench.connection, bench.settings
    dataset, reigning = bench.export(), get_version(connection, "v1")

    def mode(champion_row=reigning, dataset_row=dataset, libraries=reigning.libraries, asked=False) -> str:
        return refresh_mode(connection, settings, champion_row, dataset_row, libraries, asked=asked)

    def changed(row, **fields):
        return type(row)(**{**row.__dict__, **fields})

    assert mode() == "normal"
    assert mode(None, asked=True) == "normal"
    assert mode(asked=True) == "refresh"
    assert mode(dataset_row=changed(dataset, label_source="hr_decision_any_horizon")) == "refresh"
    assert mode(dataset_row=changed(dataset, horizon_years=3)) == "refresh"
    assert mode(libraries={**reigning.libraries, "scikit-learn": "1.8.0"}) == "refresh"
    settings = with_gate(bench, refresh_after=timedelta(seconds=0)).settings
    assert mode() == "refresh"
    long_ago = changed(reigning, created_at=datetime.now(UTC) - timedelta(weeks=52))
    settings = bench.settings
    assert mode(long_ago) == "normal"  # what counts is when it was deployed


@pytest.mark.parametrize("beside, expected", [(-timedelta(minutes=1), "normal"), (timedelta(minutes=1), "refresh")])
def test_a_champion_is_refreshed_from_the_day_it_is_too_old_and_not_before(bench, beside, expected):
    deployed(bench, 1)
    for statement in (
        "ALTER TABLE future_skills_ops.deployment DISABLE TRIGGER append_only",
        "UPDATE future_skills_ops.deployment SET at = now() - %s",
        "ALTER TABLE future_skills_ops.deployment ENABLE TRIGGER append_only",
    ):
        execute(bench.connection, statement, (bench.settings.gate.refresh_after + beside,) if "%s" in statement else None)
    bench.connection.commit()
    reigning, dataset = get_version(bench.connection, "v1"), bench.export()
    found = refresh_mode(bench.connection, bench.settings, reigning, dataset, reigning.libraries, asked=False)
    assert found == expected
    assert bench.settings.gate.refresh_after == timedelta(weeks=8)


# The page


def test_the_page_shows_versions_beside_their_baselines_and_every_deployment(bench):
    deployed(bench, 1)
    candidate(bench, 2)
    page = bench.store.read(write_registry(bench.connection, bench.store)).decode()
    assert "Deployed: **v1**" in page
    versions = [line for line in page.splitlines() if line.startswith(("| version |", "| v"))]
    assert len({line.replace("\\|", "").count("|") for line in versions}) == 1
    assert [line.split("|")[1].strip() for line in versions] == ["version", "v3", "v2", "v1"]
    assert "| requested |" in versions[2]
    assert "| approved |" in versions[3]
    assert "cv, n=600, 30 roles" in versions[3]
    assert len([line for line in page.splitlines() if "| v1 | – | deploy | devops | – |" in line]) == 1


def test_what_people_wrote_stays_inside_its_cell(bench):
    candidate(bench, 1)
    answer(bench, 1, "approved")
    bench.deploy("v1", reason="a|b\\|c **d** \u202ee\n<script>alert(1)</script> [here](https://example.com) `x`")
    line = next(line for line in render_registry(bench.connection).splitlines() if "script" in line)
    assert "<script>" not in line
    assert line.endswith(
        "| a\\|b\\\\\\|c \\*\\*d\\*\\* e &lt;script>alert(1)&lt;/script> \\[here](https://example.com) \\`x\\` |"
    )


def test_the_page_of_an_empty_ledger_says_so(hr):
    page = render_registry(hr)
    assert "No model is deployed yet." in page


def test_the_newest_request_of_a_version_counts(bench):
    assert request_of_version(bench.connection, "v1") is None
    candidate(bench, 1)
    answer(bench, 1, "rejected")
    bench.connection.commit()
    again = bench.evaluate(get_version(bench.connection, "v1"))
    assert register_candidate(
        bench.connection, bench.settings, again.evaluation_id, requested_by="ada", dag_run_id="run"
    ) == request_of_version(bench.connection, "v1")
    assert request_of_version(bench.connection, "v1").state == "requested"
