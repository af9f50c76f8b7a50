"""What the weeks left: compared with the undisturbed ones, and nothing that should be gone."""

import re
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from future_skills.database import connect, fetch_rows, fetch_value
from soak.installation import Installation
from support.ends import STAGES, End, alike, connected, end_of, json_alike

OF_A_RUN = frozenset({"dag_run_id", "request_key", "period"})
"""Columns that name a run of Airflow, or a number of a sequence in words."""
RUN_ID = re.compile(r"(manual|asset_triggered|scheduled|operator_triggered)__TIME\w*")
DEPLOYMENT_ID = re.compile(r'"deployment_id": \d+')
RUN_FILE = re.compile(r"(manual|asset_triggered|operator_triggered)__[\w.-]+(?=\.md)")
FORGOTTEN = (
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    " AND state_change < now() - interval '1 minute'"
)
TIMED = re.compile(r"models/.*\.(json|html)")
"""Files that show how long the training took: compared only by being there."""
SHOWN = 3


@dataclass(frozen=True)
class Ending:
    """How the company ended, the mails that arrived (recipient and subject), how often one came again, and what was left."""

    end: End
    mails: Counter
    repeated: int
    left: list[str]


def ending_of(installation: Installation) -> Ending:
    """Look at a quiet installation that still runs. What a day's sweep removes is swept first; staging tables must be gone."""
    with closing(connect(installation.dsns["hr"])) as connection:
        deadline = time.monotonic() + 10
        while connected(connection) and time.monotonic() < deadline:
            time.sleep(0.1)
        left = [f"a connection to the HR database: {doing}" for doing in connected(connection)]
        left += [f"a staging table: {row['relname']}" for row in fetch_rows(connection, STAGES)]
        unsent = "SELECT count(*) FROM future_skills_ops.outbox WHERE sent_at IS NULL"
        left += [f"mails not sent: {count}"] if (count := fetch_value(connection, unsent)) else []
        connection.commit()
        end = end_of(connection, installation.store, OF_A_RUN)
    with closing(connect(installation.dsns["airflow"])) as airflow:
        left += [f"a transaction on Airflow's database: {row['query']}" for row in fetch_rows(airflow, FORGOTTEN)]
    mails, repeated = arrived(installation.state.mail)
    return Ending(_without_runs(end), mails, repeated, left)


def _without_runs(end: End) -> End:
    files: dict[str, list[str]] = {}
    for name, digests in end.files.items():
        files.setdefault(RUN_FILE.sub("RUN", name), []).extend("" if TIMED.fullmatch(name) else digest for digest in digests)
    return End(
        {
            table: sorted(DEPLOYMENT_ID.sub('"deployment_id": 0', RUN_ID.sub("RUN", row)) for row in rows)
            for table, rows in end.rows.items()
        },
        {name: sorted(digests) for name, digests in files.items()},
    )


def arrived(folder: Path) -> tuple[Counter, int]:
    """The mails in a folder by recipient and subject, one for each Message-ID, and how many came once more."""
    messages = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    distinct = {str(message["Message-ID"]): message for message in messages}
    counted = Counter(f"{message['To']}: {json_alike(alike(str(message['Subject'])))}" for message in distinct.values())
    return counted, len(messages) - len(distinct)


def differences(undisturbed: Ending, disturbed: Ending) -> list[str]:
    """What the disturbed weeks left that the others did not, and the other way round."""
    told = list(disturbed.left)
    tables = {name: Counter(rows) for name, rows in undisturbed.end.rows.items()}
    for name, rows in disturbed.end.rows.items():
        told += _apart(name, tables.get(name, Counter()), Counter(rows))
    told += [f"table {name} is gone" for name in tables.keys() - disturbed.end.rows.keys()]
    told += _apart("mails", undisturbed.mails, disturbed.mails)
    for name in sorted(undisturbed.end.files.keys() | disturbed.end.files.keys()):
        before, after = (ending.end.files.get(name, []) for ending in (undisturbed, disturbed))
        if before != after:
            told.append(f"file {name}: {len(before)} undisturbed, {len(after)} disturbed, of them {_common(before, after)} equal")
    return told


def _common(before: list[str], after: list[str]) -> int:
    return (Counter(before) & Counter(after)).total()


def _apart(name: str, before: Counter, after: Counter) -> list[str]:
    parts = []
    for words, more in (("missing", before - after), ("more", after - before)):
        if more:
            shown = "".join(f"\n      {row[:1_000]}" for row in list(more.elements())[:SHOWN])
            parts.append(f"{name}: {more.total()} {words}, such as{shown}")
    return parts
