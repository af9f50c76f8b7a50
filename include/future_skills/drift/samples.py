"""What a batch looked like: its sampled features and predictions, and the levels HR had decided by then."""

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.dataset.reading import load_dataset
from future_skills.domain import LEVELS, NUMERIC_FEATURES
from future_skills.drift.columns import CATEGORIES
from future_skills.ledger.batches import BatchRow, ShardRow, list_shards
from future_skills.ledger.datasets import DatasetRow, get_dataset
from future_skills.store.artifacts import Store

NUMBERS = [*NUMERIC_FEATURES, "score"]
TEXTS = [*CATEGORIES, "level"]


@dataclass(frozen=True)
class Sample:
    """A batch's sampled rows, TEXTS and NUMBERS (a missing value is NaN), and its dataset's decided levels.

    `decided` is None when HR had decided too little: labels of the rules are nobody's decisions.
    """

    batch: BatchRow
    dataset: DatasetRow
    rows: pd.DataFrame
    decided: pd.Series | None

    def values(self, column: str) -> pd.Series:
        """The values of a watched column; "target" is the decided levels."""
        if column == "target" and self.decided is not None:
            return self.decided
        return self.rows[column]

    def missing(self, column: str) -> int:
        """How many values of a watched column are none, or no finite number."""
        values = self.values(column)
        return int((values.replace([np.inf, -np.inf], np.nan) if values.dtype.kind == "f" else values).isna().sum())

    @property
    def whole(self) -> bool:
        """Are there rows, and no value missing in them?"""
        return len(self.rows) > 0 and not any(self.missing(column) for column in [*TEXTS, *NUMBERS])


def load_sample(connection: Connection, store: Store, settings: Settings, batch: BatchRow) -> Sample:
    """Load the sample of a batch from all its shards, at most `prediction.sample_rows` rows, always the same ones.

    Raises ArtifactMissingError when a file is gone from the store, DatasetChangedError when the dataset was changed.
    """
    with connection:
        shards, dataset = list_shards(connection, batch.batch_id), get_dataset(connection, batch.dataset_id)
    frames = [_read_shard(store, shard) for shard in shards if shard.pairs]
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*TEXTS, *NUMBERS])
    if len(rows) > settings.prediction.sample_rows:
        rows = rows.sample(settings.prediction.sample_rows, random_state=settings.training.random_state, ignore_index=True)
    return Sample(batch, dataset, rows, _decided_levels(store, dataset))


def level_shares(levels: pd.Series) -> dict[str, float] | None:
    """The share of each level among `levels`; None when there is none."""
    shares = levels.value_counts(normalize=True)
    return {level: float(shares.get(level, 0.0)) for level in LEVELS} if len(shares) else None


def _read_shard(store: Store, shard: ShardRow) -> pd.DataFrame:
    content = store.read(str(store.path(f"batches/{shard.batch_id}/sample-{shard.number}.csv")))
    frame = pd.read_csv(
        io.BytesIO(content), usecols=[*TEXTS, *NUMBERS], dtype=str, keep_default_na=False, encoding="utf-8", lineterminator="\n"
    )
    for column in NUMBERS:
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    for column in TEXTS:
        frame[column] = frame[column].mask(frame[column] == "")
    return frame[[*TEXTS, *NUMBERS]]


def _decided_levels(store: Store, dataset: DatasetRow) -> pd.Series | None:
    if dataset.label_source == "bootstrap" or not dataset.decided_rows:
        return None
    return load_dataset(store, dataset).decided["future_need_level"]
