"""The bare limits: the same work without the product around it."""

import io
from contextlib import closing
from typing import Any

import numpy as np
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from sklearn.base import ClassifierMixin, clone
from threadpoolctl import threadpool_limits

from bench.clock import Spent, spent
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.model.fitting import bounded_threads
from future_skills.prediction.staging import stage_table

PREDICTIONS = sql.Identifier("public", "future_skills_futureskillprediction")
CLONE = sql.Identifier("public", "bench_prediction")
STAGED = sql.Identifier("public", "bench_staged")
NEEDLESS = {"job_role_id", "skill_id", "horizon_years", "level"}
"""Columns whose index alone another index begins with, or that have a few values only."""
SOURCES = (
    *("jobrole", "skill", "markettrend", "economicreport"),
    *("employee", "employee_skills", "hrinvestmentrecommendation"),
)
KEYS = {"job_role_id": "future_skills_jobrole", "skill_id": "future_skills_skill"}


class Nowhere(io.RawIOBase):
    """Takes what a COPY sends and keeps nothing."""

    def write(self, data: Any) -> int:
        """Count."""
        return len(data)


def raw_read(connection: Connection) -> Spent:
    """Every source table once, by COPY, kept nowhere."""
    with spent() as measured, connection, connection.cursor() as cursor:
        for name in SOURCES:
            table = sql.Identifier("public", f"future_skills_{name}")
            cursor.copy_expert(sql.SQL("COPY {} TO STDOUT (FORMAT csv)").format(table), Nowhere())
    return measured


def fit_alone(classifier: ClassifierMixin, matrix: np.ndarray, levels: np.ndarray, weights: np.ndarray, threads: int) -> Spent:
    """The estimator, unfitted again, fitted to a matrix that is ready."""
    fresh = clone(classifier)
    if "n_jobs" in fresh.get_params():
        fresh.set_params(n_jobs=threads)
    with bounded_threads(threads), spent() as measured:
        fresh.fit(matrix, levels, sample_weight=weights)
    return measured


def predict_alone(classifier: Any, matrices: list[np.ndarray]) -> Spent:
    """The fitted estimator over matrices that are ready, in one thread as a shard has it."""
    with threadpool_limits(1), spent() as measured:
        for matrix in matrices:
            classifier.predict_proba(matrix)
    return measured


def keep_staged(connection: Connection, batch_id: str) -> int:
    """Copy what a batch has staged, as raw statements will read it; returns its rows."""
    with connection:
        execute(connection, sql.SQL("DROP TABLE IF EXISTS {}").format(STAGED))
        execute(connection, sql.SQL("CREATE UNLOGGED TABLE {} AS TABLE {}").format(STAGED, stage_table(batch_id)))
        return execute(connection, sql.SQL("SELECT FROM {}").format(STAGED))


def raw_copy(connection: Connection) -> Spent:
    """COPY what was kept into an unlogged table, from a file the server has just written."""
    target = sql.Identifier("public", "bench_copied")
    with connection:
        path = f"{fetch_value(connection, 'SHOW data_directory')}/bench_copied.csv"
        execute(connection, sql.SQL("COPY {} TO %s").format(STAGED), (path,))
        execute(connection, sql.SQL("CREATE UNLOGGED TABLE {} (LIKE {})").format(target, STAGED))
    with spent() as measured, connection:
        execute(connection, sql.SQL("COPY {} FROM %s").format(target), (path,))
    with connection:
        execute(connection, sql.SQL("DROP TABLE {}").format(target))
        execute(connection, sql.SQL("COPY (SELECT) TO %s"), (path,))  # leaves nothing of it on the disk
    return measured


def raw_insert(connection: Connection, horizon_years: int, *, lean: bool = False) -> Spent:
    """INSERT ... SELECT of the staged rows into an empty table like the real one; `lean`: without the NEEDLESS indexes."""
    with connection:
        execute(connection, sql.SQL("DROP TABLE IF EXISTS {}").format(CLONE))
        execute(connection, sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(CLONE, PREDICTIONS))
        for column, table in KEYS.items():
            execute(
                connection,
                sql.SQL("ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} DEFERRABLE INITIALLY DEFERRED").format(
                    CLONE, sql.Identifier(column), sql.Identifier("public", table)
                ),
            )
        if lean:
            for name in needless_indexes(connection):
                execute(connection, sql.SQL("DROP INDEX {}").format(sql.Identifier("public", name)))
    settle(connection)
    with spent() as measured, connection:
        execute(
            connection,
            sql.SQL(
                "INSERT INTO {} (job_role_id, skill_id, horizon_years, score, level, rationale, explanation, created_at)"
                " SELECT job_role_id, skill_id, %s, score, level, rationale, explanation, now() FROM {}"
            ).format(CLONE, STAGED),
            (horizon_years,),
        )
    return measured


def needless_indexes(connection: Connection) -> list[str]:
    """Those of the copy whose columns are NEEDLESS."""
    rows = fetch_rows(
        connection,
        "SELECT relname, array_agg(attname::text) AS columns FROM pg_index JOIN pg_class ON oid = indexrelid"
        " JOIN pg_attribute ON attrelid = indexrelid WHERE indrelid = %s::regclass GROUP BY relname",
        (CLONE.as_string(connection),),
    )
    return [row["relname"] for row in rows if len(row["columns"]) == 1 and row["columns"][0] in NEEDLESS]


def raw_update(connection: Connection, horizon_years: int) -> Spent:
    """UPDATE ... FROM the staged rows, all of them, in the copy that `raw_insert` filled."""
    settle(connection)
    with spent() as measured, connection:
        execute(
            connection,
            sql.SQL(
                "UPDATE {} AS old SET score = new.score, level = new.level, rationale = new.rationale,"
                " explanation = new.explanation FROM {} AS new WHERE (old.job_role_id, old.skill_id, old.horizon_years)"
                " = (new.job_role_id, new.skill_id, %s)"
            ).format(CLONE, STAGED),
            (horizon_years,),
        )
    return measured


def settle(connection: Connection) -> None:
    """Leave nothing for the next measurement to pay: no dirty page, fresh statistics."""
    with closing(connect(connection.dsn)) as own:
        own.autocommit = True
        execute(own, "VACUUM ANALYZE")
        execute(own, "CHECKPOINT")


def drop_limits(connection: Connection) -> None:
    """Drop what the limits used."""
    with connection:
        for table in (CLONE, STAGED):
            execute(connection, sql.SQL("DROP TABLE IF EXISTS {}").format(table))
