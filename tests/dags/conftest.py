"""An Airflow of its own for the DAG tests: a metadata database in a temporary folder, our DAGs, no examples."""

import atexit
import json
import os
import shutil
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from orchestration.hr_connections import hr_connection_json
from support.company import load_demo

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(HOME / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)

SIZES = {"roles": 30, "skills": 60, "decisions": 900, "employees": 120}


@pytest.fixture(scope="session")
def dagbag():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


@pytest.fixture(scope="session")
def airflow_database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def installation(hr, hr_dsn, settings, monkeypatch, airflow_database):
    """A small company behind `hr_database`, and the settings every task reads from its environment."""
    _forget_queued_runs()
    load_demo(hr, **SIZES)
    for name, value in {
        "AIRFLOW_CONN_HR_DATABASE": hr_connection_json(hr_dsn),
        "STORE_URI": settings.store_uri,
        "SIGNING_KEYS": json.dumps({key: secret.get_secret_value() for key, secret in settings.signing_keys.items()}),
        "APPROVAL": "auto",
        "DEPLOY": "auto",
        "MAIL__PORT": "1",
        "MAIL__TIMEOUT": "1",
        "MAIL__DEVOPS": '["devops@example.com"]',
        "MAIL__DATA_SCIENTISTS": '["scientist@example.com"]',
        "MAIL__DRH_MANAGERS": '["drh@example.com"]',
        "PREDICTION__SHARDS": "2",
        "PREDICTION__SMALLEST_SHARD": "1",
        "TRAINING__ESTIMATOR": "logistic_regression",
        "TRAINING__FOLDS": "2",  # what 5 folds and 2,000 resamples find is the matter of the model's tests
        "GATE__RESAMPLES": "200",
    }.items():
        monkeypatch.setenv(name, value)
    return hr


def _forget_queued_runs():
    """What a test's tasks triggered is never run here, and would keep the same run of another company from being triggered."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        for run in session.scalars(select(DagRun).where(DagRun.state == "queued")).all():
            session.delete(run)


class Ran:
    """A finished run: its state, and the states of its tasks."""

    def __init__(self, run):
        self.state = str(run.state)
        self.run_id = run.run_id
        self.instances = run.get_task_instances()
        self.tasks = {
            instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]": str(instance.state)
            for instance in self.instances
        }

    def pull(self, task_id, key="return_value"):
        return next(instance for instance in self.instances if instance.task_id == task_id).xcom_pull(task_ids=task_id, key=key)


@pytest.fixture
def run_dag(installation):
    """Run a DAG to its end in this process, from its file anew: a run leaves its parameters in the object."""
    from airflow.dag_processing.dagbag import DagBag

    def run(dag_id, conf=None, **arguments):
        dag_id = f"future_skills_{dag_id}"
        dag = DagBag(str(ROOT / "dags" / f"{dag_id}.py")).dags[dag_id]
        for task in dag.tasks:
            task.retry_delay = timedelta(0)  # nothing is gained by waiting here
        return Ran(dag.test(run_conf=conf, **arguments))

    return run


@pytest.fixture
def answer():
    """Answer the next approval as a person would in the UI; waits in the background until one is asked for."""
    threads = []

    def respond(option, reason="", user="drh.one"):
        thread = threading.Thread(target=_respond, args=([option], {"reason": reason}, user), daemon=True)
        thread.start()
        threads.append(thread)

    yield respond
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "no approval was asked for"


def _respond(options, params_input, user):
    """What the REST handler of an answer does, in the same database, until the task has taken it.

    `dag.test` may write back the state in which the task waited, read before the answer came.
    """
    from airflow._shared.timezones import timezone
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    asked = (
        select(HITLDetail.ti_id)
        .join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
        .where(TaskInstance.state == "awaiting_input", HITLDetail.responded_at.is_(None))
    )
    question = None
    for _ in range(1_200):
        with create_session(scoped=False) as session:
            question = question or session.scalars(asked).first()
            if question:
                instance, detail = session.get(TaskInstance, question), session.get(HITLDetail, question)
                if instance.state == "awaiting_input":
                    detail.responded_by, detail.responded_at = {"id": user, "name": user}, timezone.utcnow()
                    detail.chosen_options, detail.params_input = options, params_input
                    event = TriggerEvent(detail.as_resume_event_payload())
                    handle_event_submit(event, task_instance=instance, session=session)
                elif instance.end_date and instance.state != "scheduled":
                    return
        time.sleep(0.2)
