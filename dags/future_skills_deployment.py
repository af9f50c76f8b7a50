"""Makes an approved version the one that predicts, or goes back to an earlier one.

**verify** checks the approval (a rollback needs an earlier deployment instead), the library versions, digests and signatures;
**smoke_test** predicts rows recorded at the training and compares; **promote** makes the same checks again, whatever state was
set by hand, writes the append-only record and points the HR application at the file, both or neither.

To go back, choose **rollback** and name no version: that is the one deployed before. Rows change only when
`future_skills_prediction` has run, which starts by itself. What is refused is recorded with who tried. DevOps starts this
by hand when `DEPLOY=manual`. A run that is cleared means what it deployed the first time; it is skipped when another version
was deployed since.
"""

import logging

from airflow.sdk import Param, dag, task

from orchestration.assets import CHAMPION
from orchestration.connections import resources
from orchestration.defaults import dag_arguments
from orchestration.orders import done_by, requested_by
from orchestration.refusals import deployment_attempt

logger = logging.getLogger(__name__)


@dag(
    schedule=None,
    params={
        "version": Param(
            None,
            type=["null", "string"],
            pattern=r"^v[0-9]+$",
            title="Version",
            description="Default: the one approved and not deployed yet; to roll back, the one deployed before",
        ),
        "kind": Param("deploy", type="string", enum=["deploy", "rollback"], title="Deploy, or roll back to an earlier version"),
        "reason": Param("", type="string", maxLength=2_000, title="Reason (kept in the record)"),
        "requested_by": Param(None, type=["null", "string"], title="Set by the promotion DAG"),
    },
    **dag_arguments("future_skills_deployment", __doc__, "deployment"),
)
def future_skills_deployment():
    @task
    def verify(*, params, dag_run) -> str:
        from future_skills.registry.deployment_checks import verify_deployment, version_to_deploy
        from future_skills.registry.refusals import refusals_recorded

        with resources() as work, refusals_recorded(work.connection, deployment_attempt(dag_run, params)):
            if done := done_by(work, dag_run):
                return done
            version = params["version"] or version_to_deploy(work.connection, params["kind"])
            checked = verify_deployment(work.connection, work.store, work.keys, work.settings, version, kind=params["kind"])
            return checked.version

    @task
    def smoke_test(version: str, *, params, dag_run) -> str:
        from future_skills.registry.deployment_checks import require_checked, smoke_test
        from future_skills.registry.refusals import refusals_recorded

        with resources() as work, refusals_recorded(work.connection, deployment_attempt(dag_run, params)):
            if done := done_by(work, dag_run):
                return done
            smoke_test(work.connection, work.store, work.keys, require_checked(version))
        return version

    @task(outlets=[CHAMPION])
    def promote(version: str, *, params, dag_run, outlet_events) -> int:
        from future_skills.alerts.messages import deployment_notice
        from future_skills.ledger.versions import get_version
        from future_skills.registry.deployment import DeploymentOrder, promote
        from future_skills.registry.deployment_checks import require_checked
        from future_skills.registry.pointer import named_version, pointer_in_words, pointer_use
        from future_skills.registry.refusals import refusals_recorded
        from orchestration.mails import send

        actor = requested_by(dag_run, params)
        with resources() as work:
            with refusals_recorded(work.connection, deployment_attempt(dag_run, params)):
                version = done_by(work, dag_run) or require_checked(version)
                order = DeploymentOrder(version, params["kind"], actor, params["reason"] or None, request_key=dag_run.run_id)
                deployment_id = promote(work.connection, work.store, work.keys, work.settings, order)
            row = get_version(work.connection, version)
            pointer = named_version(work.store)
            send(work, deployment_notice(work.settings, version, params["kind"], actor, deployment_id, pointer=pointer))
            if risk := pointer_in_words(pointer_use(work.store, work.settings), pointer):
                logger.warning(risk)
        logger.info("%s is deployed. Rows change when future_skills_prediction has run, which starts now.", version)
        outlet_events[CHAMPION].extra = {
            "chain_id": row.dataset_id,
            "version": version,
            "digest": row.digest,
            "requested_by": actor,
        }
        return deployment_id

    promote(smoke_test(verify()))


future_skills_deployment()
