"""The stages of a chain as the DAGs run them, measured."""

import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from psycopg2.extensions import connection as Connection
from threadpoolctl import threadpool_limits

from bench import limits
from bench.clock import Spent, peak_megabytes, spent
from future_skills.config import Settings
from future_skills.database import connect, execute
from future_skills.dataset.export import export_dataset
from future_skills.dataset.reading import load_dataset
from future_skills.dataset.scope import pairs_of_roles
from future_skills.dataset.validation import validate_dataset
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.datasets import DatasetRow, get_dataset
from future_skills.ledger.versions import VersionRow
from future_skills.model.evaluation import evaluate_version
from future_skills.model.inputs import context_of, pipeline_input
from future_skills.model.sampling import bounded_sample
from future_skills.model.training import TrainingRequest, train_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.responsible import Committee
from future_skills.prediction.shard import score_shard, shard_numbers
from future_skills.registry.approvals import record_answer
from future_skills.registry.candidates import gate_evaluation, register_candidate
from future_skills.registry.deployment import DeploymentOrder, promote
from future_skills.store.artifacts import Store
from future_skills.store.models import load_model
from future_skills.store.signing import SigningKeys

Chunks = list[tuple[np.ndarray, np.ndarray]]

_requests = itertools.count(1)


@dataclass(frozen=True)
class Shop:
    """Where a bench works: the HR database, the store's settings."""

    dsn: str
    settings: Settings

    @property
    def store(self) -> Store:
        """The artefact store."""
        return Store.open(self.settings.store_uri)

    @property
    def keys(self) -> SigningKeys:
        """The signing keys."""
        return SigningKeys.of(self.settings)


def _apart(function, *arguments):
    with spent() as measured:
        result = function(*arguments)
    return result, measured, peak_megabytes()


def apart(function, *arguments):
    """Call a function in a process of its own, as Airflow does: its result, what it spent, its peak memory in MB."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_apart, function, *arguments).result()


def export(shop: Shop, as_of: date) -> DatasetRow:
    """Export a dataset and accept it."""
    with closing(connect(shop.dsn)) as connection:
        made = export_dataset(connection, shop.store, shop.settings, as_of)
        return validate_dataset(connection, shop.store, shop.settings, made.dataset_id, origin="manual")


def train(shop: Shop, dataset: DatasetRow, estimator: str | None = None) -> VersionRow:
    """Train a version with the installation's defaults, or another estimator with its own."""
    defaults = shop.settings.training
    request = TrainingRequest(
        dataset_id=dataset.dataset_id,
        request_key=f"bench-{os.getpid()}-{next(_requests)}",
        estimator=estimator or defaults.estimator,
        preprocessing=defaults.preprocessing,
        parameters={} if estimator else defaults.parameters,
        feature_set=defaults.feature_set,
        requested_by=None,
    )
    with closing(connect(shop.dsn)) as connection:
        return train_version(connection, shop.store, shop.keys, shop.settings, request)


def fit_alone(shop: Shop, dataset: DatasetRow, version: VersionRow) -> Spent:
    """The version's estimator alone, once, on as many of the dataset's rows as a fit takes."""
    learned, training = load_dataset(shop.store, dataset), shop.settings.training
    rows = bounded_sample(learned.training, training.maximum_rows, training.random_state)
    pipeline = load_model(shop.store, version.artifacts["served"], shop.keys)
    matrix = pipeline[:-1].transform(pipeline_input(rows, context_of(learned, version.feature_set)))
    levels, weights = rows["future_need_level"].to_numpy(dtype=str), rows["weight"].to_numpy()
    return limits.fit_alone(pipeline["clf"], matrix, levels, weights, shop.settings.threads)


def deploy_first(shop: Shop) -> str:
    """Train a first version on a dataset of today and deploy it, as HR manager and DevOps would; returns its name."""
    dataset = export(shop, datetime.now(UTC).date())
    version = train(shop, dataset).version
    with closing(connect(shop.dsn)) as connection:
        evaluation = evaluate_version(
            connection, shop.store, shop.keys, shop.settings, version, request_key="bench", mode="normal"
        )
        gate_evaluation(connection, shop.settings, evaluation.evaluation_id)
        request = register_candidate(connection, shop.settings, evaluation.evaluation_id, requested_by=None, dag_run_id="bench")
        record_answer(connection, request.request_id, "approved", actor="drh", reason="measured", dag_run_id="bench")
        order = DeploymentOrder(version, "deploy", "devops", None, request_key="bench")
        promote(connection, shop.store, shop.keys, shop.settings, order)
    return version


def score_one(shop: Shop, batch_id: str, number: int) -> None:
    """Score a shard, as a mapped task does."""
    with closing(connect(shop.dsn)) as connection:
        score_shard(connection, shop.store, shop.keys, shop.settings, batch_id, number)


def staged(shop: Shop, connection: Connection, **plan: Any) -> BatchRow:
    """Plan a batch, score it in this process, audit it."""
    batch = plan_batch(connection, shop.store, shop.settings, **plan)
    assert batch is not None
    for number in shard_numbers(connection, batch.batch_id):
        score_shard(connection, shop.store, shop.keys, shop.settings, batch.batch_id, number)
    return audit_batch(connection, shop.store, shop.settings, batch.batch_id)


def score(shop: Shop, batch: BatchRow) -> tuple[Spent, float]:
    """Score all shards, as many beside each other as in Airflow: what it took (CPU of all processes), the largest peak in MB."""
    with closing(connect(shop.dsn)) as connection:
        numbers = shard_numbers(connection, batch.batch_id)
    workers = min(shop.settings.prediction.parallel_shards, max(len(numbers), 1))
    context = multiprocessing.get_context("spawn")
    with spent() as measured, ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = [pool.submit(_apart, score_one, shop, batch.batch_id, number) for number in numbers]
        done = [one.result() for one in waiting]
    measured.cpu_seconds = sum(one.cpu_seconds for _, one, _ in done)
    return measured, max((peak for *_, peak in done), default=0.0)


@contextmanager
def committee(shop: Shop, dataset: DatasetRow, version: VersionRow) -> Iterator[tuple[Committee, Chunks]]:
    """The version's pipelines over a dataset, and its pairs in chunks as a shard makes them; one thread, as a shard has."""
    with closing(connect(shop.dsn)) as connection:
        learned = load_dataset(shop.store, get_dataset(connection, version.dataset_id))
    scored = load_dataset(shop.store, dataset)
    made = Committee(shop.store, shop.keys, version, learned, scored)
    role_index, skill_index = pairs_of_roles(scored.snapshot, dataset.pair_scope, np.arange(len(scored.snapshot.roles)))
    rows = shop.settings.prediction.chunk_rows
    chunks = [(role_index[start : start + rows], skill_index[start : start + rows]) for start in range(0, len(role_index), rows)]
    with threadpool_limits(1):
        made.prepare(role_index, skill_index)
        yield made, chunks


def served_matrices(made: Committee, chunks: Chunks) -> tuple[object, list[np.ndarray]]:
    """The served classifier and the matrices it would see, narrow and ready."""
    scorer = made.served
    ready = [np.asarray(scorer.matrix(*chunk), dtype=np.float32) for chunk in chunks]
    return scorer.pipeline["clf"], ready


def disturb(shop: Shop, share: float, turn: int = 0) -> int:
    """Give a share of the published rows, at each `turn` others, another score, as an earlier week would; returns how many."""
    with closing(connect(shop.dsn)) as connection, connection:
        return execute(
            connection,
            "UPDATE public.future_skills_futureskillprediction SET score = moved.score,"
            " explanation = jsonb_set(explanation, '{score}', to_jsonb(moved.score))"
            " FROM (SELECT id, CASE WHEN score > 50 THEN score - 1 ELSE score + 1 END AS score"
            "       FROM public.future_skills_futureskillprediction WHERE abs(hashint8(id + %s)::bigint) %% 1000 < %s) AS moved"
            " WHERE future_skills_futureskillprediction.id = moved.id",
            (turn, round(1000 * share)),
        )
