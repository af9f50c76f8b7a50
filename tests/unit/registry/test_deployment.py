"""Nothing is deployed that an HR manager has not approved, and whatever fails leaves the deployed model in place."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.ledger.versions import champion, get_version
from future_skills.registry.approvals import AUTOMATIC
from future_skills.registry.deployment import CHAMPION_LOCK
from future_skills.registry.deployment_checks import (
    NotDeployableError,
    require_checked,
    require_deployed_before,
    smoke_test,
    verify_deployment,
    version_to_deploy,
)
from future_skills.registry.file_checks import mend_metadata
from future_skills.registry.pointer import DeployHookError
from future_skills.registry.refusals import Attempt, refusals_recorded
from future_skills.store.artifacts import StoreUnwritableError
from future_skills.store.models import load_model, save_model
from future_skills.store.signing import UntrustedArtifactError
from support.pipeline import Workbench
from support.registry import answer, approved, candidate, deployed, promote_unverified, refusals, under

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


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
        lambda: verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1"),
        lambda: promote_unverified(bench),
    ):
        with pytest.raises(NotDeployableError, match=told):
            attempt()
    assert champion(bench.connection) is None


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


@pytest.mark.parametrize(
    "stage",
    [
        lambda bench: verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1"),
        lambda bench: smoke_test(bench.connection, bench.store, bench.keys, "v1"),
    ],
)
def test_a_changed_model_file_is_refused(bench, stage):
    candidate(bench, 1)
    answer(bench, 1, "approved")
    path = bench.store.resolve(get_version(bench.connection, "v1").artifacts["served"].uri)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(UntrustedArtifactError):
        stage(bench)
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


# The same order again


def told_by_hook(bench: Workbench, tmp_path) -> tuple[Workbench, Path]:
    """The company with a hook that adds the version it is told to a file."""
    file = tmp_path / "told"
    file.touch()
    return under(bench, deploy_hook=f"sh -c 'echo $FUTURE_SKILLS_MODEL_VERSION >> {file}'"), file


def test_the_hook_runs_once_for_a_deployment(bench, tmp_path):
    approved(bench, 1)
    hooked, told = told_by_hook(bench, tmp_path)
    for _ in range(2):
        promote_unverified(hooked)
    assert told.read_text() == "v1\n"


def test_an_old_order_again_restarts_nothing_once_another_version_is_deployed(bench, tmp_path):
    approved(bench, 1)
    first = promote_unverified(bench, request_key="first")
    deployed(bench, 2)
    hooked, told = told_by_hook(bench, tmp_path)
    assert promote_unverified(hooked, request_key="first") == first
    bench.deploy("v1", kind="rollback")
    assert promote_unverified(hooked, request_key="first") == first  # v1 predicts again, by another order
    assert told.read_text() == ""
    assert fetch_value(bench.connection, "SELECT count(*) FROM future_skills_ops.deployment") == 3


def test_an_order_without_a_name_means_the_same_version_again(bench, tmp_path):
    deployed(bench, 1, 2, 3)
    assert version_to_deploy(bench.connection, "rollback") == "v2"
    hooked, told = told_by_hook(bench, tmp_path)
    first = promote_unverified(hooked, version="v2", kind="rollback", request_key="back")
    told.write_text("")
    assert version_to_deploy(bench.connection, "rollback") == "v1"
    assert promote_unverified(hooked, version="v1", kind="rollback", request_key="back") == first
    assert champion(bench.connection).version == "v2"
    assert told.read_text() == ""


# What an approval is of


def test_an_approval_is_good_for_as_long_as_there_was_time_to_answer(bench):
    week = under(bench, approval_expiry=timedelta(seconds=2))
    candidate(week, 1)
    request = answer(week, 1, "approved")
    assert timedelta(0) < request.valid_until - request.expires_at < timedelta(seconds=2)
    verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1")
    while datetime.now(UTC) <= request.valid_until:
        time.sleep(0.1)
    for attempt in (lambda: bench.deploy("v1"), lambda: promote_unverified(bench)):
        with pytest.raises(NotDeployableError, match=r"has expired, it was good until .* evaluate it again"):
            attempt()
    assert champion(bench.connection) is None


def test_an_approval_rests_on_a_comparison_with_the_deployed_model(bench):
    deployed(bench, 1)
    approved(bench, 2)
    execute(bench.connection, "UPDATE future_skills_ops.evaluation SET champion_version = NULL WHERE evaluation_id = 2")
    bench.connection.commit()
    for attempt in (lambda: bench.deploy("v2"), lambda: promote_unverified(bench, version="v2")):
        with pytest.raises(NotDeployableError, match="v2 was compared with no model, but v1 is deployed now: evaluate it again"):
            attempt()
    assert champion(bench.connection).version == "v1"


def test_an_automatic_approval_ends_with_the_setting_that_gave_it(bench):
    candidate(bench, 1)
    answer(bench, 1, "approved", actor=AUTOMATIC)
    for attempt in (lambda: bench.deploy("v1"), lambda: promote_unverified(bench)):
        with pytest.raises(NotDeployableError, match="v1 was approved by APPROVAL=auto, but a person has to approve it now"):
            attempt()
    under(bench, approval="auto").deploy("v1")
    assert champion(bench.connection).version == "v1"


@pytest.mark.parametrize("change", ["verdict = 'reject'", "version = 'v2'"])
def test_an_approval_rests_on_the_judgement_it_was_shown(bench, change):
    approved(bench, 1)
    execute(bench.connection, f"UPDATE future_skills_ops.evaluation SET {change} WHERE evaluation_id = 1")
    bench.connection.commit()
    with pytest.raises(NotDeployableError, match="rests on evaluation 1, which is of"):
        promote_unverified(bench)


# Files


@pytest.mark.parametrize("artifact", ["served", "folds", "fold-1"])
def test_nothing_is_unpickled_before_every_file_is_checked(bench, artifact, monkeypatch):
    approved(bench, 1)
    path = bench.store.resolve(get_version(bench.connection, "v1").artifacts[artifact].uri)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")

    def trip(*_args, **_kwargs):
        raise AssertionError("unpickled")

    monkeypatch.setattr("joblib.load", trip)
    for attempt in (
        lambda: verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1"),
        lambda: promote_unverified(bench),
    ):
        with pytest.raises(UntrustedArtifactError, match="changed or damaged"):
            attempt()
    assert champion(bench.connection) is None


def test_another_versions_file_in_its_place_is_refused(bench):
    approved(bench, 1)
    own, other = (get_version(bench.connection, name).artifacts["served"].uri for name in ("v1", "v2"))
    bench.store.resolve(own).write_bytes(bench.store.read(other))
    with pytest.raises(UntrustedArtifactError):
        bench.deploy("v1")


def test_an_edited_description_is_written_anew_and_recorded(bench):
    approved(bench, 1)
    verify_deployment(
        bench.connection, bench.store, bench.keys, bench.settings, "v1"
    )  # the copied store has other paths than the ledger
    path = bench.store.path("models/future_skills_model_v1.json")
    honest, edits = path.read_bytes(), "SELECT * FROM future_skills_ops.refusal WHERE action = 'edit' ORDER BY refusal_id"
    before = len(fetch_rows(bench.connection, edits))
    for forged in (json.dumps(json.loads(honest) | {"cuts": {"medium": 0, "high": 0}}).encode(), b"not JSON", None):
        path.unlink() if forged is None else path.write_bytes(forged)
        verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1")
        assert path.read_bytes() == honest
    verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1")
    found = fetch_rows(bench.connection, edits)[before:]
    assert [row["subject"] for row in found] == ["models/future_skills_model_v1.json"] * 3
    assert "Written anew" in found[0]["reason"]


def test_a_fresh_description_says_what_the_ledger_says(bench):
    version = bench.train(bench.export())
    bench.approve(bench.ask(bench.evaluate(version)))
    assert not mend_metadata(bench.connection, bench.store, version)


# The smoke test


def test_a_model_must_predict_what_it_predicted_at_its_training(bench):
    version = get_version(bench.connection, "v1")
    assert smoke_test(bench.connection, bench.store, bench.keys, "v1") == len(version.facts["reference"]["rows"]) == 100
    approved(bench, 1)
    execute(
        bench.connection,
        "UPDATE future_skills_ops.model_version SET facts = jsonb_set(facts, '{reference,probabilities,7,0}',"
        " to_jsonb((facts #>> '{reference,probabilities,7,0}')::float + 0.001)) WHERE version = 'v1'",
    )
    bench.connection.commit()
    with pytest.raises(NotDeployableError, match="does not predict what it predicted"):
        promote_unverified(bench)
    execute(bench.connection, "UPDATE future_skills_ops.model_version SET facts = facts - 'reference' WHERE version = 'v1'")
    bench.connection.commit()
    with pytest.raises(NotDeployableError, match="No reference predictions of v1"):
        promote_unverified(bench)
    assert champion(bench.connection) is None


# All or nothing


def pointers(bench: Workbench) -> list[bytes]:
    return [bench.store.path(name).read_bytes() for name in ("future_skills_model.pkl", "future_skills_model.env")]


def failing_commit(bench: Workbench) -> None:
    """Let the database refuse the row of v2 when it is committed."""
    execute(
        bench.connection,
        "CREATE FUNCTION refuse_v2() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no v2'; END $$;"
        " CREATE CONSTRAINT TRIGGER refuse_v2 AFTER INSERT ON future_skills_ops.deployment DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN (NEW.version = 'v2') EXECUTE FUNCTION refuse_v2()",
    )
    bench.connection.commit()


def blocked_pointer(bench: Workbench) -> None:
    """Let the swap of the pointer fail: a full folder is in its place."""
    path = bench.store.path("future_skills_model.env")
    path.rename(bench.store.path("kept.env"))
    path.mkdir()
    (path / "file").write_bytes(b"")


@pytest.mark.parametrize("step, error", [(failing_commit, psycopg2.Error), (blocked_pointer, StoreUnwritableError)])
def test_a_failure_at_the_last_step_leaves_the_deployed_model_in_place(bench, step, error):
    deployed(bench, 1)
    approved(bench, 2)
    copy, pointer = pointers(bench)
    step(bench)
    with pytest.raises(error):
        promote_unverified(bench, version="v2")
    bench.connection.rollback()
    assert champion(bench.connection).version == "v1"
    assert bench.store.path("future_skills_model.pkl").read_bytes() == copy
    kept = "kept.env" if step is blocked_pointer else "future_skills_model.env"
    assert bench.store.path(kept).read_bytes() == pointer


def test_a_first_deployment_that_fails_leaves_no_pointer(bench):
    approved(bench, 2)
    failing_commit(bench)
    with pytest.raises(psycopg2.Error):
        promote_unverified(bench, version="v2")
    assert not bench.store.path("future_skills_model.pkl").exists()
    assert not bench.store.path("future_skills_model.env").exists()


def test_of_two_deployments_at_once_one_is_refused(bench):
    approved(bench, 1)
    execute(  # two approvals against the same champion, as two requests at once would leave them
        bench.connection,
        "INSERT INTO future_skills_ops.approval (request_id, event, version, digest, evaluation_id, metrics, expires_at)"
        " SELECT 'request-2', event, 'v2', artifacts #>> '{served,sha256}', 2, '{}', expires_at"
        " FROM future_skills_ops.approval, future_skills_ops.model_version WHERE model_version.version = 'v2'",
    )
    bench.connection.commit()

    def deploy(number: int, connection) -> str:
        one = Workbench(connection, bench.store, bench.keys, bench.settings)
        try:
            promote_unverified(one, version=f"v{number}", request_key=f"key-{number}")
        except NotDeployableError as error:
            return str(error)
        return "deployed"

    with closing(connect(bench.connection.dsn)) as gate, closing(connect(bench.connection.dsn)) as observer:
        observer.autocommit = True
        execute(gate, CHAMPION_LOCK)
        with ThreadPoolExecutor() as pool, closing(connect(gate.dsn)) as one, closing(connect(gate.dsn)) as other:
            running = [pool.submit(deploy, 1, one), pool.submit(deploy, 2, other)]
            deadline = time.monotonic() + 60
            while fetch_value(observer, WAITING) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert fetch_value(observer, WAITING) == 2
            gate.commit()
            outcomes = sorted(future.result() for future in running)
    assert outcomes[0] == "deployed"
    assert "was approved against no champion, but" in outcomes[1]
    assert fetch_value(bench.connection, "SELECT count(*) FROM future_skills_ops.deployment") == 1
    reigning = champion(bench.connection).version
    assert f"_VERSION={reigning}\n".encode() in pointers(bench)[1]


# Going back


def test_without_a_name_a_rollback_goes_back_step_by_step_and_never_forth(bench):
    with pytest.raises(NotDeployableError, match="no version to deploy: none is approved"):
        version_to_deploy(bench.connection, "deploy")
    deployed(bench, 1)
    with pytest.raises(NotDeployableError, match="none was deployed before the present one"):
        version_to_deploy(bench.connection, "rollback")
    deployed(bench, 2, 3)
    for expected in ("v2", "v1"):
        assert version_to_deploy(bench.connection, "rollback") == expected
        bench.deploy(expected, kind="rollback")
    with pytest.raises(NotDeployableError, match="none was deployed before"):
        version_to_deploy(bench.connection, "rollback")
    with pytest.raises(NotDeployableError, match="no version to deploy: none is approved that was not deployed before"):
        version_to_deploy(bench.connection, "deploy")


def test_without_a_name_what_is_approved_and_not_yet_deployed_is_deployed(bench):
    deployed(bench, 1)
    approved(bench, 2)
    assert version_to_deploy(bench.connection, "deploy") == "v2"
    bench.deploy("v2")
    bench.deploy("v1", kind="rollback")
    with pytest.raises(NotDeployableError, match="To deploy a version again, name it"):
        version_to_deploy(bench.connection, "deploy")
    approved(bench, 3)
    assert version_to_deploy(bench.connection, "deploy") == "v3"
    bench.deploy("v2")  # by its name, while its approval is good
    with pytest.raises(NotDeployableError, match="no version to deploy"):
        version_to_deploy(bench.connection, "deploy")


def test_a_rollback_to_the_deployed_version_is_refused(bench):
    deployed(bench, 1)
    with pytest.raises(NotDeployableError, match="v1 is deployed: there is nothing to roll back"):
        bench.deploy("v1", kind="rollback")


def test_only_what_was_deployed_may_predict(bench):
    deployed(bench, 1)
    require_deployed_before(bench.connection, "v1")
    with pytest.raises(NotDeployableError, match="v2 was never deployed"):
        require_deployed_before(bench.connection, "v2")


# The audit


def test_what_is_refused_is_recorded_with_who_tried_it(bench):
    attempt = Attempt("deploy", "v1", "ops", "run-7")
    with pytest.raises(NotDeployableError), refusals_recorded(bench.connection, attempt):
        verify_deployment(bench.connection, bench.store, bench.keys, bench.settings, "v1")
    [row] = refusals(bench)
    assert (row["action"], row["subject"], row["actor"], row["dag_run_id"]) == ("deploy", "v1", "ops", "run-7")
    assert "v1 has no approval (never asked for)" in row["reason"]
    with pytest.raises(StoreUnwritableError), refusals_recorded(bench.connection, attempt):
        raise StoreUnwritableError("the disk is full")
    assert len(refusals(bench)) == 1


def test_a_check_whose_state_was_set_by_hand_is_no_check():
    assert require_checked("v1") == "v1"
    with pytest.raises(NotDeployableError, match="a state set by hand is no check"):
        require_checked(None)
