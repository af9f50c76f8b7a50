"""What whoever reads the mails relies on: each comes once, says what to do, and never stops the pipeline."""

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from future_skills.alerts import messages
from future_skills.alerts.lateness import late_since
from future_skills.alerts.outbox import Mail, SendSummary, enqueue, message_id_of, send_directly, send_outbox
from future_skills.alerts.retention import sweep
from future_skills.config import MailSettings
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.ledger.batches import get_batch
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import EvaluationRow
from future_skills.registry.approvals import ApprovalRequest
from future_skills.store.artifacts import Store

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
DATASET = "20261123T020000000Z-00000000"
HOSTILE = "<script>alert('x')</script> & {{ 7 * 7 }}\r\nBcc: all@example.com\0"
ALL_ADDRESSES = {
    "data_scientists": ["ds@example.com"],
    "drh_managers": ["drh@example.com", "drh2@example.com", "drh@example.com"],
    "devops": ["ops@example.com"],
}


class Inbox:
    """A mail server's handler that keeps what arrives, and refuses one recipient."""

    def __init__(self):
        self.mails, self.connections = [], 0

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        if b"hang up" in envelope.content:
            server.transport.close()
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def inbox():
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    handler.port = controller.port
    yield handler
    controller.stop()


@pytest.fixture
def server(inbox):
    return MailSettings(host="127.0.0.1", port=inbox.port, timeout=5)


@pytest.fixture
def down():
    return MailSettings(host="127.0.0.1", port=free_port(), timeout=1, password=SecretStr("hunter2-secret"))


@pytest.fixture
def addressed(settings):
    return settings.model_copy(update={"mail": MailSettings(**ALL_ADDRESSES)})


def mail(number: int = 1, **fields) -> Mail:
    cause, period, recipient = "drift", f"dataset {number}", f"person{number}@example.com"
    known = {
        "cause": cause,
        "period": period,
        "recipient": recipient,
        "subject": f"Subject {number}",
        "text": "Text, déjà vu.",
        "html": "<p>HTML</p>",
        "message_id": message_id_of(cause, period, recipient, "from@company.example"),
    }
    return Mail(**{**known, **fields})


def queued(connection, *mails) -> int:
    with connection:
        return enqueue(connection, mails)


def add_dataset(connection, dataset_id=DATASET, created_at=NOW, horizon=5):
    execute(connection, "INSERT INTO future_skills_ops.chain (chain_id, origin) VALUES (%s, 'manual')", (dataset_id,))
    execute(
        connection,
        "INSERT INTO future_skills_ops.dataset (dataset_id, uri, digest, as_of, horizon_years, pair_scope, label_source,"
        " decided_rows, implicit_rows, quarantined, manifest, created_at)"
        " VALUES (%s, '', '', %s, %s, 'all', 'hr_decision', 0, 0, 0, '{}', %s)",
        (dataset_id, created_at.date(), horizon, created_at),
    )
    connection.commit()


def add_batch(connection, *, state="published", label_source="hr_decision", counts="{}", levels="{}"):
    """A dataset, a version 3 and a batch of them; returns the batch."""
    add_dataset(connection)
    execute(
        connection,
        "INSERT INTO future_skills_ops.model_version (version, number, dataset_id, request_key, estimator, preprocessing,"
        " parameters, feature_set, horizon_years, label_source, loadable_by_hr, artifacts, libraries, cuts, facts)"
        " VALUES ('v3', 3, %s, 'k', 'ridge', 'target', '{}', 'core', 5, %s, true, '{}', '{}', '{}', '{}')",
        (DATASET, label_source),
    )
    execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
        " state, pairs, counts, levels) VALUES (%s, %s, 'v3', 'all', 5, 'en', %s, 100, %s, %s)",
        (f"{DATASET}-v3-en", DATASET, state, counts, levels),
    )
    connection.commit()
    return get_batch(connection, f"{DATASET}-v3-en")


def add_change(connection, role, skill, old, new, *, kind="moved", at=NOW):
    for table, (number, name) in (("jobrole", role), ("skill", skill)):
        execute(
            connection,
            f"INSERT INTO future_skills_{table} (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (number, name),
        )
    execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_change (batch_id, job_role_id, skill_id, horizon_years, kind, old_level,"
        " new_level, old_score, new_score, at) VALUES (%s, %s, %s, 5, %s, %s, %s, %s, %s, %s)",
        (f"{DATASET}-v3-en", role[0], skill[0], kind, old[0], new[0], old[1], new[1], at),
    )
    connection.commit()


def drift_report(**fields) -> DriftReportRow:
    trend = {"kind": "feature", "method": "wasserstein", "threshold": 0.1, "value": 0.4321, "drift": True}
    lost = {**trend, "value": None, "drift": None, "missing": {"reference": 0, "current": 1234}}
    columns = {"trend_score": trend, "hiring_difficulty": lost, "level": {**trend, "kind": "level", "drift": False}}
    row = DriftReportRow(7, DATASET, "batch-b", "batch-a", "v3", 5, columns, True, True, True, "/store/drift.html", "", NOW)
    return replace(row, **fields)


def request(*, accuracy_known=True, **fields) -> ApprovalRequest:
    metric = {"value": 0.6123, "ci": [0.55, 0.67]}
    metrics = {
        "overall": {"ap_high": metric, "macro_f1": metric, "weighted_f1": {"value": 0.8}},
        "baselines": {"majority": {"ap_high": 0.1, "macro_f1": 0.3}, "rules": {"ap_high": 0.2}, "skill_share": {"ap_high": 0.5}},
        "comparison": None,
        "accuracy_known": accuracy_known,
    }
    row = ApprovalRequest("request-1", "v3", "abcdef0123456789", 1, "v2", None, NOW, "requested", metrics)
    return replace(row, **fields)


def evaluation(*, accuracy_known=True) -> EvaluationRow:
    check = {
        "name": "AP(HIGH) floor",
        "slice": "all",
        "n": 6543,
        "value": 0.1,
        "threshold": 0.2,
        "baseline": "base rate",
        "ci": None,
    }
    checks = [{**check, "verdict": "fail"}, {**check, "name": "job roles", "verdict": "pass"}]
    metrics = {"accuracy_known": accuracy_known}
    return EvaluationRow(4, "v3", DATASET, "k", "v2", "holdout", "normal", metrics, checks, "reject", "enforce", NOW, NOW)


def all_mails(settings) -> dict[str, list[Mail]]:
    failure = {
        "dag_id": "future_skills_drift",
        "task_id": "report",
        "run_id": "run 1",
        "error": "Traceback\n  line",
        "link": "http://x/l",
    }
    return {
        "drift": messages.drift_alert(settings, drift_report()),
        "data_alarm": messages.data_alarm(settings, drift_report()),
        "gate_rejection": messages.gate_rejection(settings, evaluation()),
        "approval_request": messages.approval_request(settings, request(), "http://airflow/approve"),
        "deployment_wanted": messages.deployment_wanted(settings, request()),
        "deployment": messages.deployment_notice(settings, "v3", "rollback", "olga", 12),
        "failure": messages.task_failure(settings, **failure),
        "late_chain": messages.late_chain(settings, NOW),
    }


def test_a_mail_is_queued_and_sent_once(hr, inbox, server):
    assert queued(hr, mail(1), mail(2), mail(1)) == 2
    assert queued(hr, mail(1, subject="Another subject")) == 0
    assert send_outbox(hr, server) == SendSummary(2, 0)
    assert send_outbox(hr, server) == SendSummary(0, 0)
    assert queued(hr, mail(1)) == 0
    assert inbox.connections == 1
    recipients, received = inbox.mails[0]
    assert recipients == [received["To"]] == ["person1@example.com"]
    assert received["Message-ID"] == mail(1).message_id
    assert received["Message-ID"].endswith("@company.example>")
    assert received["Date"]
    assert received.get_body(("plain",)).get_content().strip() == "Text, déjà vu."
    assert received.get_body(("html",)).get_content().strip() == "<p>HTML</p>"


def test_a_mail_belongs_to_the_transaction_of_its_cause(hr, inbox, server):
    enqueue(hr, [mail()])
    hr.rollback()
    assert send_outbox(hr, server) == SendSummary(0, 0)


def test_a_subject_cannot_add_headers(hr, inbox, server):
    queued(hr, mail(subject="Hello\r\nBcc: all@example.com\n\nBody"))
    assert send_outbox(hr, server).sent == 1
    recipients, received = inbox.mails[0]
    assert received["Subject"] == "Hello Bcc: all@example.com Body"
    assert received["Bcc"] is None
    assert recipients == ["person1@example.com"]


def test_a_mail_server_that_is_down_costs_nothing_but_time(hr, inbox, server, down):
    queued(hr, mail(1), mail(2))
    assert send_outbox(hr, down) == SendSummary(0, 2)
    rows = fetch_rows(hr, "SELECT attempts, last_error, sent_at FROM future_skills_ops.outbox")
    assert [(row["attempts"], row["sent_at"]) for row in rows] == [(1, None)] * 2
    assert "refused" in rows[0]["last_error"]
    assert send_outbox(hr, server) == SendSummary(2, 0)
    assert (
        fetch_value(
            hr, "SELECT count(*) FROM future_skills_ops.outbox WHERE last_error IS NULL AND sent_at > now() - interval '1 m'"
        )
        == 2
    )


def test_a_black_hole_is_left_after_its_timeout_and_no_password_is_kept(hr):
    listener = socket.create_server(("127.0.0.1", 0))
    hole = MailSettings(host="127.0.0.1", port=listener.getsockname()[1], timeout=0.3, user="u", password=SecretStr("timed out"))
    queued(hr, *(mail(number) for number in range(5)))
    assert send_outbox(hr, hole) == SendSummary(0, 5)
    assert fetch_value(hr, "SELECT last_error FROM future_skills_ops.outbox LIMIT 1") == (
        "SMTPServerDisconnected: Connection unexpectedly closed: ***"
    )
    listener.close()


def test_a_refused_recipient_does_not_hold_up_the_others(hr, inbox, server):
    queued(hr, mail(1, recipient="nobody@example.com"), mail(2), mail(3))
    assert send_outbox(hr, server) == SendSummary(2, 1)
    assert "no such person" in fetch_value(hr, "SELECT last_error FROM future_skills_ops.outbox WHERE sent_at IS NULL")
    queued(hr, mail(4))
    assert send_outbox(hr, server, limit=1) == SendSummary(1, 0), "those tried least come first"


def test_a_mail_that_breaks_the_line_comes_last_the_next_time(hr, inbox, server):
    queued(hr, mail(1, text="hang up"), mail(2))
    assert send_outbox(hr, server) == SendSummary(0, 1)
    assert send_outbox(hr, server) == SendSummary(1, 1)
    assert fetch_value(hr, "SELECT recipient FROM future_skills_ops.outbox WHERE sent_at IS NOT NULL") == "person2@example.com"


def test_two_senders_at_once_send_each_mail_once(hr, hr_dsn, inbox, server):
    queued(hr, *(mail(number) for number in range(40)))
    start = threading.Barrier(3)

    def send(_):
        connection = connect(hr_dsn)
        start.wait()
        summary = send_outbox(connection, server)
        connection.close()
        return summary

    with ThreadPoolExecutor(3) as senders:
        summaries = list(senders.map(send, range(3)))
    assert sum(summary.sent for summary in summaries) == 40
    assert sum(summary.failed for summary in summaries) == 0
    assert sorted(recipients[0] for recipients, _ in inbox.mails) == sorted(mail(number).recipient for number in range(40))


def test_without_a_database_mails_go_straight_out(inbox, server, down):
    assert send_directly(server, [mail(1), mail(2, recipient="nobody@example.com"), mail(3)]) == 2
    assert send_directly(down, [mail(1)]) == 0
    assert send_directly(down, []) == 0


@pytest.mark.parametrize("language, heading", [("en", "What to do"), ("fr", "Ce qu'il faut faire")])
def test_every_mail_says_what_to_do_in_both_parts_and_languages(addressed, language, heading):
    settings = addressed.model_copy(update={"future_skills_language": language})
    for cause, mails in all_mails(settings).items():
        assert mails, cause
        for one in mails:
            assert one.cause == cause
            assert heading in one.text
            assert heading.replace("'", "&#39;") in one.html
            assert "http://" in one.text
            assert 'href="http://' in one.html
            assert "None" not in one.text
            assert "{" not in one.html.split("<body", 1)[1]
            assert "\n" not in one.subject


def test_the_same_event_gives_the_same_mails(addressed):
    assert all_mails(addressed) == all_mails(addressed)
    everything = [one for mails in all_mails(addressed).values() for one in mails]
    assert len({one.message_id for one in everything}) == len(everything)
    assert messages.drift_alert(addressed, drift_report())[0].period == DATASET


def test_mails_go_to_their_role_each_address_once(addressed):
    found = {cause: [one.recipient for one in mails] for cause, mails in all_mails(addressed).items()}
    assert found["approval_request"] == ["drh@example.com", "drh2@example.com"]
    assert found["drift"] == found["gate_rejection"] == found["data_alarm"] == ["ds@example.com"]
    assert found["failure"] == found["late_chain"] == found["deployment"] == ["ops@example.com"]


def test_without_addresses_there_are_no_mails(settings, hr):
    assert not any(all_mails(settings).values())
    assert messages.weekly_digest(settings, hr, add_batch(hr)) == []


def test_a_report_that_is_fine_gives_no_mail(addressed):
    assert messages.drift_alert(addressed, drift_report(drifted=False)) == []
    assert messages.data_alarm(addressed, drift_report(unknown=False)) == []


def test_hostile_values_stay_text(hr, addressed, inbox, server):
    column = {**drift_report().columns["trend_score"], "new_categories": [HOSTILE]}
    mails = [
        *messages.drift_alert(addressed, drift_report(version=HOSTILE, columns={"trend_score": column})),
        *messages.task_failure(addressed, dag_id=HOSTILE, task_id="t", run_id=HOSTILE, error=HOSTILE, link="javascript:alert(1)"),
        *messages.approval_request(addressed, request(requested_by=HOSTILE), "http://x"),
    ]
    for one in mails:
        assert "<script>" not in one.html
        assert "&lt;script&gt;" in one.html
        assert "{{ 7 * 7 }}" in one.html
        assert 'href="javascript' not in one.html
        assert "\0" not in one.text + one.html
    queued(hr, *(replace(one, period="p", message_id=f"<{number}@x>") for number, one in enumerate(mails)))
    assert send_outbox(hr, server).failed == 0
    assert all(received["Bcc"] is None for _, received in inbox.mails)


def test_a_failure_is_mailed_once_for_a_run_and_tells_no_password(addressed):
    error = "could not connect to postgresql://ops:s3cret@db.example/hr and host=db password=s3cret user=ops"
    one, other = (
        messages.task_failure(addressed, dag_id="d", task_id=task, run_id="r", error=error, link="http://x")[0] for task in "ab"
    )
    assert (one.cause, one.period) == (other.cause, other.period)
    assert "s3cret" not in one.text + one.html
    assert "db.example" in one.text


def test_figures_that_only_agree_with_the_rules_say_so(addressed):
    words = "agreement with the rules, accuracy unknown"
    for known in (True, False):
        asked = messages.approval_request(addressed, request(accuracy_known=known), "http://x")[0]
        rejected = messages.gate_rejection(addressed, evaluation(accuracy_known=known))[0]
        for one in (asked, rejected):
            assert (words in one.text and words in one.html) is not known
    assert "0.612 [0.550; 0.670]" in asked.text
    french = addressed.model_copy(update={"future_skills_language": "fr"})
    asked = messages.approval_request(french, request(accuracy_known=False), "http://x")[0]
    assert "accord avec les règles, exactitude inconnue" in asked.html
    assert "0,612 [0,550; 0,670]" in asked.text


def test_a_version_that_was_never_measured_can_be_asked_for(addressed):
    unmeasured = {"value": None, "ci": None}
    metrics = {"overall": {"ap_high": unmeasured}, "baselines": {}, "comparison": None, "accuracy_known": False}
    asked = messages.approval_request(addressed, request(metrics=metrics, champion_version=None), "http://x")[0]
    assert "–" in asked.text
    assert "no model is deployed yet" in asked.html


def test_the_digest_names_new_high_needs_and_largest_moves(hr, addressed):
    levels = '{"decided": {"HIGH": 10, "MEDIUM": 20, "LOW": 30}, "undecided": {"HIGH": 1200, "MEDIUM": 0, "LOW": 5}}'
    counts = '{"inserted": 0, "updated": 4, "deleted": 0, "unchanged": 96, "taken_over": 1}'
    batch = add_batch(hr, counts=counts, levels=levels)
    add_change(hr, (1, "Data <b>scientist</b>"), (1, "Rust"), ("LOW", 20.0), ("HIGH", 81.5))
    add_change(hr, (2, "Nurse"), (2, "Triage"), ("HIGH", 90.0), ("LOW", 5.0))
    add_change(hr, (1, "Data <b>scientist</b>"), (3, "Excel"), ("LOW", 1.0), ("HIGH", 99.0), kind="taken_over")
    execute(hr, "DELETE FROM future_skills_skill WHERE id = 2")
    hr.commit()
    mails = messages.weekly_digest(addressed, hr, batch)
    assert [one.recipient for one in mails] == ["drh@example.com", "drh2@example.com"]
    one = mails[0]
    assert one.subject == "Future skills: 1 new high need"
    assert one.period == batch.batch_id
    assert "All: 1,210" in one.text
    assert "Job role: Data <b>scientist</b>; Skill: Rust; Before: Low; Score before: 20.0; Score now: 81.5" in one.text
    assert "Data &lt;b&gt;scientist&lt;/b&gt;" in one.html
    assert one.text.index("Nurse; Skill: #2") < one.text.rindex("Rust"), "the larger move comes first"
    assert "Excel" not in one.text
    assert "agreement with the rules" not in one.text


def test_a_quiet_week_and_a_bootstrap_model_are_said(hr, addressed):
    batch = add_batch(hr, label_source="bootstrap", counts='{"unchanged": 100}')
    one = messages.weekly_digest(addressed, hr, batch)[0]
    assert one.subject == "Future skills: nothing changed"
    assert "agreement with the rules, accuracy unknown" in " ".join(one.text.split())
    assert messages.weekly_digest(addressed, hr, replace(batch, state="withheld")) == []


@pytest.mark.parametrize("age, late", [(timedelta(days=8), False), (timedelta(days=8, minutes=1), True)])
def test_both_sides_of_late(hr, settings, age, late):
    assert late_since(hr, settings, NOW) is None, "an installation that never had a dataset is not late"
    add_dataset(hr, "other horizon", NOW, horizon=3)
    add_dataset(hr, "older", NOW - timedelta(days=30))
    add_dataset(hr, "newest", NOW - age)
    assert late_since(hr, settings, NOW) == (NOW - age if late else None)


def put(store: Store, name: str, hours: float, now: datetime = NOW) -> str:
    """A file of that age in the store."""
    uri = store.write(name, b"x")
    moment = (now - timedelta(hours=hours)).timestamp()
    os.utime(uri, (moment, moment))
    return name


def add_experiment(hr):
    execute(
        hr,
        "INSERT INTO future_skills_ops.experiment (experiment_id, dataset_id, request_key, label_source, facts, contenders,"
        " baselines, recommendation, libraries, page_uri) VALUES (1, %s, 'run', 'hr_decision', '{}', '[]', '{}', '{}', '{}', '')",
        (DATASET,),
    )


def test_only_old_orphans_are_swept(hr, store, tmp_path):
    batch = add_batch(hr)
    execute(
        hr,
        "INSERT INTO future_skills_ops.evaluation (version, dataset_id, request_key, population, mode, metrics)"
        " VALUES ('v3', %s, 'k', 'cv', 'normal', '{}')",
        (DATASET,),
    )
    add_experiment(hr)
    hr.commit()
    registered = [
        f"datasets/{DATASET}/dataset.csv",
        f"datasets/{DATASET}/snapshot/roles.csv",
        f"batches/{batch.batch_id}/sample-0.csv",
        f"reports/{batch.batch_id}/drift.html",
        "experiments/1/comparison.html",
        "models/future_skills_model_v3.pkl",
        "models/future_skills_model_v3.evaluated.pkl",
        "models/future_skills_model_v3.json",
        "models/future_skills_model_v3.md",
        "models/future_skills_model_v3.evaluation-1.html",
        "models/notes.txt",
        "models/future_skills_model_v4_backup.pkl",
        "future_skills_model.pkl",
        "MODEL_REGISTRY.md",
        "elsewhere/orphan/file.csv",
        "datasets/a-file-not-a-folder",
    ]
    kept = [put(store, name, 1_000) for name in registered]
    kept += [put(store, name, 23.9) for name in ("datasets/young/dataset.csv", "models/future_skills_model_v5.pkl")]
    kept += [put(store, "datasets/unfinished/manifest.json", 1), put(store, "datasets/unfinished/dataset.csv", 1_000)]
    for name in (
        "datasets/orphan/dataset.csv",
        "datasets/orphan/snapshot/roles.csv",
        "batches/orphan/sample-0.csv",
        "reports/orphan/drift.html",
        "experiments/2/comparison.html",
        "models/future_skills_model_v4.pkl",
        "models/future_skills_model_v4.folds.pkl",
        "models/future_skills_model_v3.evaluation-2.html",
        f"models/.future_skills_model_v3.pkl.{'0' * 32}.draft",
    ):
        put(store, name, 24.1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.csv").write_text("x")
    os.utime(outside / "precious.csv", (0, 0))
    store.path("datasets/link").symlink_to(outside)
    store.path("datasets/orphan/link").symlink_to(outside)
    swept = sweep(hr, store, NOW)
    assert swept == {
        "prediction_changes": 0,
        "datasets": 1,
        "batches": 1,
        "reports": 1,
        "experiments": 1,
        "models": 2,
        "evaluations": 1,
        "drafts": 1,
    }
    found = {str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()}
    assert found - {"datasets/link/precious.csv"} == set(kept)
    assert not store.path("datasets/orphan").exists()
    assert (outside / "precious.csv").exists()
    assert sum(sweep(hr, store, NOW).values()) == 0


def test_nothing_is_swept_on_the_word_of_an_empty_ledger(hr, store):
    names = [
        put(store, name, 1_000) for name in ("datasets/one/dataset.csv", "models/future_skills_model_v1.pkl", "batches/b/s.csv")
    ]
    assert sum(sweep(hr, store, NOW).values()) == 0
    assert all(store.path(name).exists() for name in names)


def test_an_empty_store_is_swept_without_complaint(hr, store):
    assert sum(sweep(hr, store, NOW).values()) == 0


def test_changes_are_kept_for_400_days(hr, store):
    add_batch(hr)
    add_change(hr, (1, "Role"), (1, "Skill"), ("LOW", 1.0), ("HIGH", 99.0), at=NOW - timedelta(days=399))
    add_change(hr, (1, "Role"), (1, "Skill"), ("LOW", 1.0), ("HIGH", 99.0), at=NOW - timedelta(days=401))
    assert sweep(hr, store, NOW)["prediction_changes"] == 1
    hr.rollback()
    assert fetch_value(hr, "SELECT count(*) FROM future_skills_ops.prediction_change") == 1
