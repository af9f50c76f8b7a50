"""How a company ended: every row and every file, without what tells one run from the next, to be compared with another end."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg2.extensions import connection as Connection

from future_skills.alerts.retention import sweep
from future_skills.database import fetch_rows, fetch_value
from future_skills.prediction.staging import sweep_stages
from future_skills.store.artifacts import Store

RESULTS = ("futureskillprediction", "predictionrun", "trainingrun")
HR = ("jobrole", "skill", "markettrend", "economicreport", "employee", "employee_skills", "hrinvestmentrecommendation")
NUMBERED = {"id", "number", "evaluation_id", "event_id", "deployment_id", "report_id", "prediction_run_id", "experiment_id"}
"""Numbers of a sequence, which a transaction that is taken back uses up."""
LEFT_OUT = {"attempts", "message_id", "text_part", "html_part", "pictures", "metrics", "training_duration_seconds"}
"""Columns that count the tries, carry times in words, or were measured with a clock."""
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?|Z)?")
IDENTIFIERS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
"""What the library of the drift report makes up for each, and the id of a store."""
TIMED = {"comparison.html", "MODEL_COMPARISON.md"}
"""Pages that show how long something took."""
CONNECTED = (  # the server's own vacuum comes when it likes
    "SELECT concat_ws(' ', application_name, state, left(query, 80)) AS doing FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
STAGES = r"SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'prediction\_stage\_%'"


@dataclass(frozen=True)
class End:
    """What is left: rows by table, digests of files by name, without what tells one run from the next."""

    rows: dict[str, list[str]]
    files: dict[str, list[str]]


def end_of(connection: Connection, store: Store, left_out: frozenset[str] = frozenset()) -> End:
    """Look at everything after what the watch DAG sweeps a day later; columns in `left_out` are not compared."""
    tables = [f"public.future_skills_{name}" for name in (*HR, *RESULTS)]
    if fetch_value(connection, "SELECT to_regclass('future_skills_ops.outbox') IS NOT NULL"):
        sweep_stages(connection)
        sweep(connection, store, datetime.now(UTC) + timedelta(hours=25))
    listed = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('future_skills_ops') AND relkind = 'r'"
    tables += [f"future_skills_ops.{row['relname']}" for row in fetch_rows(connection, listed)]
    without = NUMBERED | LEFT_OUT | left_out
    rows = {name: sorted(row_alike(row, without) for row in fetch_rows(connection, f"SELECT * FROM {name}")) for name in tables}
    connection.commit()
    return End(rows, files_alike(Path(str(store.root))))


def files_alike(root: Path) -> dict[str, list[str]]:
    """The digests of all files below `root` by their names. Drafts and probes are nobody's and must not be left."""
    files: dict[str, list[str]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        assert ".draft" not in path.name, path
        assert not path.name.startswith(".probe-"), path
        files.setdefault(alike(str(path.relative_to(root))), []).append(hashlib.sha256(content_alike(path)).hexdigest())
    return {name: sorted(digests) for name, digests in files.items()}


def connected(connection: Connection) -> list[str]:
    """What others do who are connected to the same database."""
    doing = [row["doing"] for row in fetch_rows(connection, CONNECTED)]
    connection.commit()
    return doing


def alike(text: str) -> str:
    """Text without the times, ids and counters that differ from run to run."""
    text = re.sub(r"\d{8}T\d{9}Z-[0-9a-f]{8}", "DATASET", text)
    return re.sub(
        r"(?<=evaluation-)\d+|(?<=request-)\d+|(?<=experiments/)\d+",
        "N",
        re.sub(r"\bv\d+|(?<=_v)\d+", "vN", TIMES.sub("TIME", text)),
    )


def json_alike(text: str) -> str:
    """JSON in text, without signatures, seconds and numbers of a sequence either."""
    text = re.sub(r'"hmac": "\w+"', '"hmac": ""', alike(text))  # it binds the file's name, and that has the number
    return re.sub(r'"(\w*second\w*|report_id|evaluation_id|period)": "?[\d.e-]+"?(?=[,}\s])', r'"\1": 0', text)


def row_alike(row: dict, left_out: set[str]) -> str:
    """A row as text, without its times and the columns `left_out`."""
    kept = {name: value for name, value in row.items() if name not in left_out and not isinstance(value, datetime)}
    if kept.get("key") == "store_id":  # the ledger's copy of that id
        kept["value"] = "ID"
    return json_alike(json.dumps(kept, default=str, sort_keys=True))


def content_alike(path: Path) -> bytes:
    """What a file says: data and models to the byte, pages and logs without what tells runs apart."""
    content = path.read_bytes()
    if path.name in TIMED:
        return b""
    if path.suffix in {".csv", ".pkl"}:
        return content
    return IDENTIFIERS.sub("ID", json_alike(content.decode())).encode()
