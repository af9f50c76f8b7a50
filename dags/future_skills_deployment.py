"""Makes an approved version the one that predicts, or goes back to an earlier one.

**verify** checks the approval (a rollback needs an earlier deployment instead), the digest, the signature and the library
versions; **smoke_test** predicts a few hundred rows; **promote** writes the append-only record and points the HR application
at the file. `future_skills_prediction` then scores the newest dataset with it. DevOps starts it by hand when `DEPLOY=manual`.
"""

from airflow.sdk import Param, dag, task

from orchestration.assets import CHAMPION
from orchestration.connections import resources
from orchestration.defaults import dag_arguments
from orchestration.orders import requested_by


@dag(
    schedule=None,
    params={
        "version": Param(None, type=["null", "string"], title="Version", description="Default: the version approved last"),
        "kind": Param("deploy", type="string", enum=["deploy", "rollback"], title="Deploy, or roll back to an earlier version"),
        "reason": Param("", type="string", title="Reason (kept in the record)"),
        "requested_by": Param(None, type=["null", "string"], title="Set by the promotion DAG"),
    },
    **dag_arguments("future_skills_deployment", __doc__, "deployment"),
)
def future_skills_deployment():
    @task
    def verify(*, params) -> str:
        from future_skills.registry.deployment import verify_deployment, version_to_deploy

        with resources() as work:
            version = params["version"] or version_to_deploy(work.connection, params["kind"])
            return verify_deployment(work.connection, work.store, work.keys, version, kind=params["kind"]).version

    @task
    def smoke_test(version: str) -> str:
        from future_skills.registry.deployment import smoke_test

        with resources() as work:
            smoke_test(work.connection, work.store, work.keys, version)
        return version

    @task(outlets=[CHAMPION])
    def promote(version: str, *, params, dag_run, outlet_events) -> int:
        from future_skills.alerts.messages import deployment_notice
        from future_skills.ledger.versions import get_version
        from future_skills.registry.deployment import DeploymentOrder, promote
        from orchestration.mails import send

        actor = requested_by(dag_run, params)
        order = DeploymentOrder(version, params["kind"], actor, params["reason"] or None, request_key=dag_run.run_id)
        with resources() as work:
            deployment_id = promote(work.connection, work.store, work.keys, work.settings, order)
            row = get_version(work.connection, version)
            send(work, deployment_notice(work.settings, version, params["kind"], actor, deployment_id))
        outlet_events[CHAMPION].extra = {
            "chain_id": row.dataset_id,
            "version": version,
            "digest": row.digest,
            "requested_by": actor,
        }
        return deployment_id

    promote(smoke_test(verify()))


future_skills_deployment()
