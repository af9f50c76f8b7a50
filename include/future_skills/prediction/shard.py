"""Scores one shard of a batch: what differs from the stored rows goes to staging, a sample to the store."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from threadpoolctl import threadpool_limits

from future_skills.config import Settings, read_sql
from future_skills.database import copy_frame, execute, fetch_frame
from future_skills.dataset.files import to_csv
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.scope import pairs_of_roles
from future_skills.domain import LEVELS
from future_skills.ledger.batches import BatchRow, ShardRow, UnknownBatchError, get_batch, list_shards
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import VersionRow, get_version
from future_skills.model.cuts import Cuts, levels_of
from future_skills.model.scores import scores_of
from future_skills.prediction.compare import compare
from future_skills.prediction.explanation import Explained, Signature, explain
from future_skills.prediction.responsible import Answers, Committee
from future_skills.prediction.staging import stage_table
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

STAGE_COLUMNS = ["shard", "operation", "kind", "job_role_id", "skill_id", "score", "level", "rationale", "explanation"]


@dataclass
class Tally:
    """Counts of a shard while it is scored."""

    counts: dict[str, int] = field(default_factory=dict)
    levels: dict[str, dict[str, int]] = field(
        default_factory=lambda: {side: dict.fromkeys(LEVELS, 0) for side in ("decided", "undecided")}
    )

    def add(self, counts: dict[str, int], levels: np.ndarray, decided: np.ndarray) -> None:
        """Add a chunk's operations, and its levels apart by whether HR has decided the pair."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value
        for side, rows in (("decided", decided), ("undecided", ~decided)):
            for level in LEVELS:
                self.levels[side][level] += int((levels[rows] == level).sum())


def shard_numbers(connection: Connection, batch_id: str) -> list[int]:
    """The shards of a batch."""
    return [shard.number for shard in list_shards(connection, batch_id)]


def score_shard(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, batch_id: str, number: int
) -> dict[str, Any]:
    """Score a shard, stage its differences, and record its counts, in one transaction; scored before, nothing is done.

    When another process has scored the shard meanwhile, its staged rows stay and its counts are returned.
    Raises UnknownBatchError, UntrustedArtifactError.
    """
    with connection:
        batch, shard = get_batch(connection, batch_id), _shard(connection, batch_id, number)
        if shard.scored_at is not None:
            return shard.counts
        version = get_version(connection, batch.version)
        scored = load_dataset(store, get_dataset(connection, batch.dataset_id))
        learned = get_dataset(connection, version.dataset_id)
    trained_on = scored if learned.dataset_id == batch.dataset_id else load_dataset(store, learned)
    committee = Committee(store, keys, version, trained_on, scored)
    try:
        with connection, threadpool_limits(1):  # shards run beside each other
            execute(connection, sql.SQL("DELETE FROM {} WHERE shard = %s").format(stage_table(batch_id)), (number,))
            tally = _score(connection, store, settings, (batch, shard, version), committee, scored)
            counts = {**tally.counts, "levels": tally.levels}
            recorded = execute(
                connection,
                "UPDATE future_skills_ops.shard SET counts = %s, scored_at = now()"
                " WHERE batch_id = %s AND number = %s AND scored_at IS NULL",
                (json.dumps(counts), batch_id, number),
            )
            if not recorded:
                raise _ScoredMeanwhileError
    except _ScoredMeanwhileError:
        with connection:
            return _shard(connection, batch_id, number).counts
    return counts


class _ScoredMeanwhileError(Exception):
    """Another process was faster: what this one has staged is taken back."""


def _shard(connection: Connection, batch_id: str, number: int) -> ShardRow:
    shard = next((shard for shard in list_shards(connection, batch_id) if shard.number == number), None)
    if shard is None:
        raise UnknownBatchError(f"Batch {batch_id} has no shard {number}.")
    return shard


def _score(
    connection: Connection,
    store: Store,
    settings: Settings,
    planned: tuple[BatchRow, ShardRow, VersionRow],
    committee: Committee,
    scored: Dataset,
) -> Tally:
    batch, shard, version = planned
    positions = np.flatnonzero(scored.snapshot.roles["job_role_id"].isin(shard.job_role_ids))
    role_index, skill_index = pairs_of_roles(scored.snapshot, batch.pair_scope, positions)
    committee.prepare(role_index, skill_index)
    sample = _sample_of(len(role_index), batch.pairs, shard.number, settings)
    bootstrap = version.label_source == "bootstrap"
    signature = Signature(batch.batch_id, version.version, batch.language, bootstrap, version.feature_set)
    tally, samples = Tally(), []
    for chunk, roles in chunks_of_roles(role_index, positions, settings.prediction.chunk_rows):
        pairs = role_index[chunk], skill_index[chunk]
        answers = committee.answer(*pairs)
        frame = _frame(scored, committee, pairs, answers, Cuts(**version.cuts))
        ids = scored.snapshot.roles["job_role_id"].to_numpy()[roles].tolist()
        parameters = {"horizon_years": batch.horizon_years, "job_role_ids": ids}
        stored = fetch_frame(connection, read_sql("prediction/stored"), parameters)
        differences = compare(frame, stored, batch.language)
        tally.add(differences.counts(), frame["level"].to_numpy(), frame["decision"].notna().to_numpy())
        _stage(connection, frame, differences, _Context(committee, pairs, answers, signature, shard.number))
        samples.append(_sampled(committee, frame, pairs, sample[(sample >= chunk.start) & (sample < chunk.stop)] - chunk.start))
    if samples:
        store.replace(f"batches/{batch.batch_id}/sample-{shard.number}.csv", to_csv(pd.concat(samples, ignore_index=True)))
    return tally


@dataclass(frozen=True)
class _Context:
    """What explaining the pairs of a chunk needs."""

    committee: Committee
    pairs: tuple[np.ndarray, np.ndarray]
    answers: Answers
    signature: Signature
    shard: int


def chunks_of_roles(role_index: np.ndarray, positions: np.ndarray, rows: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Consecutive roles whose pairs are about `rows` together: the slice of their pairs, and their positions."""
    ends = np.searchsorted(role_index, positions, side="right")
    start = first = 0
    for at, end in enumerate(ends):
        if end - start >= rows or at == len(ends) - 1:
            yield slice(start, int(end)), positions[first : at + 1]
            start, first = int(end), at + 1


def _frame(
    scored: Dataset, committee: Committee, pairs: tuple[np.ndarray, np.ndarray], answers: Answers, cuts: Cuts
) -> pd.DataFrame:
    scores = scores_of(answers.probabilities)
    return pd.DataFrame(
        {
            "job_role_id": scored.snapshot.roles["job_role_id"].to_numpy()[pairs[0]],
            "skill_id": scored.snapshot.skills["skill_id"].to_numpy()[pairs[1]],
            "score": scores,
            "level": levels_of(scores, cuts),
            "decision": committee.decisions(*pairs),
        }
    )


def _stage(connection: Connection, frame: pd.DataFrame, differences: Any, context: _Context) -> None:
    """COPY what differs to the staging table, with texts for those rows alone."""
    changed = np.flatnonzero(differences.operation != "unchanged")
    rows = frame.iloc[changed]
    roles, skills = context.pairs[0][changed], context.pairs[1][changed]
    responsible = context.answers.responsible[changed]
    levels = rows["level"].to_numpy()
    contributions, methods = context.committee.attributions(roles, skills, responsible, wanted=levels != "LOW")
    explained = Explained(
        probabilities=context.answers.probabilities[changed],
        scores=rows["score"].to_numpy(),
        levels=levels,
        decisions=rows["decision"].to_numpy(dtype=object),
        unfamiliar=context.committee.unfamiliar(roles, skills),
        contributions=contributions,
        methods=methods,
    )
    rationales, explanations = explain(explained, context.signature)
    staged = rows.assign(
        shard=context.shard,
        operation=differences.operation[changed],
        kind=differences.kind[changed],
        rationale=rationales,
        explanation=explanations,
    )
    gone = differences.gone.assign(shard=context.shard, operation="delete")
    table = stage_table(context.signature.batch_id)
    copy_frame(connection, staged[STAGE_COLUMNS], table)
    copy_frame(connection, gone[["shard", "operation", "job_role_id", "skill_id"]], table)


def _sample_of(rows: int, of: int, number: int, settings: Settings) -> np.ndarray:
    """Positions of the shard's share of the batch's sample: the same for the same pairs, whatever the batch."""
    wanted = min(rows, round(settings.prediction.sample_rows * rows / max(of, 1)))
    random = np.random.default_rng((settings.training.random_state, number))
    return np.sort(random.permutation(rows)[:wanted])


def _sampled(committee: Committee, frame: pd.DataFrame, pairs: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> pd.DataFrame:
    features = committee.features.frame(pairs[0][chosen], pairs[1][chosen])
    taken = frame.iloc[chosen].reset_index(drop=True)
    return pd.concat([taken[["job_role_id", "skill_id"]], features, taken[["level", "score"]]], axis=1)
