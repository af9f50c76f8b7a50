"""Scores the newest dataset with the deployed model and publishes what changed.

Starts by itself on a new dataset or a new champion. **plan** chooses dataset, version and shards (skipped, saying so, when no
model is deployed yet); **score** compares each shard with the stored rows and stages the differences; **audit** looks at
counts, ranges, level shares and deletions, and mails the data scientists what moved too far to be published; **publish** writes
everything in one transaction: readers see the old predictions or the new ones. The same dataset, version and scope again writes
nothing. `PUBLISH=off` runs everything and writes no row.
"""

from airflow.sdk import Param, TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from orchestration.assets import CHAMPION, DATASET, PREDICTIONS, text_values
from orchestration.connections import resources
from orchestration.defaults import dag_arguments, settings
from orchestration.mails import refusal_mailed
from orchestration.measures import tell
from orchestration.orders import requested_by
from orchestration.refusals import trusted_extras


@dag(
    schedule=(DATASET | CHAMPION),
    params={
        "dataset_id": Param(None, type=["null", "string"], title="Dataset (default: the newest)"),
        "version": Param(None, type=["null", "string"], title="Model version (default: the deployed one)"),
        "repeat": Param(False, type="boolean", title="Publish it again, even over a newer dataset"),
        "batch_id": Param(None, type=["null", "string"], title="Or publish this batch again: its model on its dataset"),
    },
    **dag_arguments("future_skills_prediction", __doc__, "prediction"),
)
def future_skills_prediction():
    @task
    def plan(*, params, dag_run, ti, triggering_asset_events=None) -> list[int]:
        from future_skills.ledger.chains import record_superseded
        from future_skills.prediction.plan import plan_again, plan_batch
        from future_skills.prediction.shard import shard_numbers
        from future_skills.registry.deployment_checks import require_deployed_before
        from future_skills.registry.refusals import Attempt, refusals_recorded

        wanted = {name: params[name] for name in ("dataset_id", "version", "repeat")}
        with resources() as work:
            told = trusted_extras(work.connection, "predict", dag_run, triggering_asset_events)
            if triggering_asset_events and not told:
                raise AirflowSkipException("Only events made by hand started this run: nothing is predicted.")
            if version := wanted["version"]:
                with refusals_recorded(work.connection, Attempt("predict", version, requested_by(dag_run), dag_run.run_id)):
                    require_deployed_before(work.connection, version)
            if params["batch_id"]:
                batch = plan_again(work.connection, work.store, work.settings, params["batch_id"])
            else:
                batch = plan_batch(work.connection, work.store, work.settings, **wanted)
            if batch is None:
                raise AirflowSkipException("No model is deployed yet, or there is no dataset: nothing is predicted.")
            record_superseded(work.connection, text_values(told, "chain_id"), "prediction", by=batch.dataset_id)
            ti.xcom_push(key="batch_id", value=batch.batch_id)
            return shard_numbers(work.connection, batch.batch_id) if batch.state == "planned" else []

    @task(max_active_tis_per_dagrun=settings().prediction.parallel_shards)
    def score(batch_id: str, number: int, *, dag_run) -> dict:
        from future_skills.prediction.shard import score_shard
        from future_skills.registry.refusals import Attempt, changed_files_recorded

        attempt = Attempt("predict", batch_id, requested_by(dag_run), dag_run.run_id)
        with resources() as work, changed_files_recorded(work.connection, attempt):
            counts = score_shard(work.connection, work.store, work.keys, work.settings, batch_id, number)
        tell("score", {"batch": batch_id, "shard": number}, {name: counts[name] for name in counts if name != "levels"})
        return counts

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def audit(*, ti) -> str:
        from future_skills.prediction.audit import audit_batch

        batch_id = ti.xcom_pull(task_ids="plan", key="batch_id")
        if batch_id is None:
            raise AirflowSkipException("Nothing was planned.")
        with resources() as work, refusal_mailed(work):
            return audit_batch(work.connection, work.store, work.settings, batch_id).batch_id

    @task(outlets=[PREDICTIONS])
    def publish(batch_id: str, *, outlet_events) -> dict:
        from future_skills.prediction.publish import publish_batch

        with resources() as work:
            batch = publish_batch(work.connection, work.settings, batch_id)
        extra = {"chain_id": batch.dataset_id, "batch_id": batch.batch_id, "version": batch.version, "state": batch.state}
        outlet_events[PREDICTIONS].extra = extra
        tell("publish", extra, {"pairs": batch.pairs, **batch.counts})
        return {**extra, **batch.counts}

    @task
    def digest(published: dict) -> None:
        from future_skills.alerts.messages import weekly_digest
        from future_skills.ledger.batches import get_batch
        from orchestration.mails import send

        with resources() as work:
            batch = get_batch(work.connection, published["batch_id"])
            if batch.state != "published":
                raise AirflowSkipException("Nothing was published: PUBLISH=off.")
            send(work, weekly_digest(work.settings, work.connection, batch))

    planned, audited = plan(), audit()
    score.partial(batch_id=planned["batch_id"]).expand(number=planned) >> audited
    digest(publish(audited))


future_skills_prediction()
