"""A ledger with weeks of batches, for everything that watches them."""

import hashlib
import json
from datetime import date

import numpy as np
import pandas as pd

from future_skills.database import execute
from future_skills.dataset.export import content_digest
from future_skills.dataset.files import to_csv
from future_skills.dataset.snapshot import TABLES
from future_skills.domain import FEATURES, NUMERIC_FEATURES
from future_skills.drift.report import report_drift

ROWS = 400


def sample_frame(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A batch's sample as `score_shard` writes it."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"job_role_id": np.arange(rows) % 20, "skill_id": np.arange(rows) // 20})
    frame["job_role_name"], frame["skill_name"] = "Data scientist", "Python"
    frame["skill_category"] = random.choice(["Cloud", "Data", "Soft skills"], rows)
    frame["job_department"] = random.choice(["IT", "Finance"], rows)
    for name in NUMERIC_FEATURES:
        frame[name] = random.uniform(0, 1, rows)
    frame["avg_salary_k"] = 45.0  # constant, as in a company without the view
    frame["score"] = np.round(random.uniform(0, 100, rows), 2)
    frame["level"] = np.select([frame["score"] > 70, frame["score"] > 40], ["HIGH", "MEDIUM"], "LOW")
    return frame[["job_role_id", "skill_id", *FEATURES, "level", "score"]]


class Weeks:
    """A ledger with one version, and the batches of its weeks."""

    def __init__(self, connection, store, settings):
        self.connection, self.store, self.settings = connection, store, settings
        self.dataset("20261109T020000000Z-00000000", decided=None)
        self.version("v1", "20261109T020000000Z-00000000")

    def dataset(self, dataset_id, *, decided=None, as_of=date(2026, 11, 9), sources=None):
        """A dataset with these decided levels, or with bootstrap labels; `sources` are the rows read of each table."""
        digest, rows, files = "0", 0, {}
        if decided is not None:
            contents = {f"snapshot/{table}.csv": b"a\n" for table in TABLES}
            training = pd.DataFrame({"future_need_level": decided, "population": "decided"})
            contents["dataset.csv"], rows = to_csv(training), len(training)
            files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
            digest = content_digest(files)
            for name, content in contents.items():
                self.store.write(f"datasets/{dataset_id}/{name}", content)
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.chain (chain_id, origin) VALUES (%s, 'manual')",
            (dataset_id,),
        )
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.dataset (dataset_id, uri, digest, as_of, horizon_years, pair_scope, label_source,"
            " decided_rows, implicit_rows, quarantined, manifest) VALUES (%s, %s, %s, %s, 5, 'all', %s, %s, 0, 0, %s)",
            (
                dataset_id,
                str(self.store.path(f"datasets/{dataset_id}")),
                digest,
                as_of,
                "bootstrap" if decided is None else "hr_decision",
                rows,
                json.dumps({"files": files, "source_rows": sources or {}}),
            ),
        )
        self.connection.commit()

    def version(self, name, dataset_id):
        """A version of that name, trained on that dataset."""
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.model_version (version, number, dataset_id, request_key, estimator, preprocessing,"
            " parameters, feature_set, horizon_years, label_source, loadable_by_hr, artifacts, libraries, cuts, facts)"
            " VALUES (%s, %s, %s, %s, 'ridge', 'target', '{}', 'core', 5, 'hr_decision', true, '{}', '{}', '{}', '{}')",
            (name, int(name[1:]), dataset_id, name),
        )
        self.connection.commit()

    def batch(self, week, frame, *, version="v1", state="published", decided=None, shards=2, sources=None):
        """A batch of a dataset of its own (or, given a dataset's id, of that one); returns the batch's id."""
        dataset_id = week
        if isinstance(week, int):
            dataset_id = f"202611{week:02}T020000000Z-{week:08}"
            self.dataset(dataset_id, decided=decided, as_of=date(2026, 11, week), sources=sources)
        batch_id = f"{dataset_id}-{version}-en"
        execute(
            self.connection,
            "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
            " state, pairs) VALUES (%s, %s, %s, 'all', 5, 'en', %s, %s)",
            (batch_id, dataset_id, version, state, len(frame)),
        )
        for number in range(shards):
            part = frame.iloc[number::shards]
            execute(
                self.connection,
                "INSERT INTO future_skills_ops.shard (batch_id, number, job_role_ids, pairs) VALUES (%s, %s, '{}', %s)",
                (batch_id, number, len(part)),
            )
            self.store.write(f"batches/{batch_id}/sample-{number}.csv", to_csv(part))
        self.connection.commit()
        return batch_id

    def report(self, batch_id):
        """The drift report of a batch."""
        return report_drift(self.connection, self.store, self.settings, batch_id)
