"""Every verdict of the gate through the real DAG: what the run does, and what it leaves behind."""

from future_skills.database import fetch_row, fetch_rows, fetch_value
from future_skills.ledger.versions import champion
from support.company import load_demo

ENDS = ("register_candidate", "keep", "investigate")
FEW = {"skills": 60, "employees": 120}


def end_of(ran) -> str:
    """The one task that followed the verdict."""
    assert ran.state == "success"
    (end,) = [task for task in ENDS if ran.tasks[task] == "success"]
    assert [ran.tasks[task] for task in ENDS if task != end] == ["skipped", "skipped"]
    return end


def verdicts(hr) -> list[str]:
    return [row["verdict"] for row in fetch_rows(hr, "SELECT verdict FROM future_skills_ops.evaluation ORDER BY evaluation_id")]


def mails(hr) -> list[tuple[str, str]]:
    rows = fetch_rows(hr, "SELECT cause, recipient FROM future_skills_ops.outbox ORDER BY id")
    return [(row["cause"], row["recipient"]) for row in rows]


def candidates(hr) -> int:
    return fetch_value(hr, "SELECT count(*) FROM future_skills_ops.approval WHERE event = 'requested'")


def test_a_weak_model_is_rejected_beside_the_champion_and_a_better_one_is_promoted_over_it(run_dag, installation, monkeypatch):
    monkeypatch.setenv("GATE__RESAMPLES", "500")
    monkeypatch.setenv("TRAINING__FOLDS", "5")  # so few roles are judged by cross-validation: 2 folds see too little of a gain
    monkeypatch.setenv("TRAINING__PREPROCESSING", "onehot")
    assert end_of(run_dag("retraining", {"estimator": "logistic_regression", "parameters": {"C": 0.01}})) == "register_candidate"
    for dag_id in ("promotion", "deployment"):
        assert run_dag(dag_id).state == "success"
    assert champion(installation).version == "v1"
    asked = candidates(installation)
    before = mails(installation)
    installation.rollback()

    weak = run_dag("retraining", {"estimator": "logistic_regression", "parameters": {"C": 1e-9}})
    assert end_of(weak) == "investigate"
    assert verdicts(installation) == ["promote", "reject"]
    assert [mail for mail in mails(installation) if mail not in before] == [("gate_rejection", "scientist@example.com")]
    text = fetch_row(installation, "SELECT text_part FROM future_skills_ops.outbox WHERE cause = 'gate_rejection'")["text_part"]
    assert "AP(HIGH)" in text
    assert "v2: reject" in weak.pull("investigate")
    assert candidates(installation) == asked
    assert champion(installation).version == "v1"
    installation.rollback()

    better = run_dag("retraining", {"estimator": "logistic_regression", "parameters": {"C": 1.0}})
    assert end_of(better) == "register_candidate"
    assert verdicts(installation) == ["promote", "reject", "promote"]
    checks = fetch_value(installation, "SELECT checks FROM future_skills_ops.evaluation ORDER BY evaluation_id DESC LIMIT 1")
    difference = next(check for check in checks if check["name"] == "AP(HIGH) minus champion's")
    assert (difference["baseline"], difference["verdict"]) == ("v1", "pass")
    assert difference["ci"][0] > 0
    assert candidates(installation) == asked + 1


def test_decisions_on_too_few_roles_are_insufficient_and_send_no_mail(run_dag, installation):
    load_demo(installation, **FEW, roles=9, decisions=400)
    ran = run_dag("retraining")
    assert end_of(ran) == "investigate"
    assert verdicts(installation) == ["insufficient"]
    assert "job roles, all, n=400: 9" in ran.pull("investigate")
    assert (mails(installation), candidates(installation)) == ([], 0)


def test_too_few_decisions_are_a_bootstrap_that_a_second_week_keeps(run_dag, installation):
    load_demo(installation, **FEW, roles=12, decisions=30)
    assert end_of(run_dag("retraining")) == "register_candidate"
    metrics = fetch_value(installation, "SELECT metrics FROM future_skills_ops.evaluation")
    assert (metrics["label_source"], metrics["accuracy_known"]) == ("bootstrap", False)
    asked = fetch_value(installation, "SELECT metrics FROM future_skills_ops.approval")
    assert asked["accuracy_known"] is False
    installation.rollback()
    for dag_id in ("promotion", "deployment"):
        assert run_dag(dag_id).state == "success"
    assert end_of(run_dag("retraining")) == "keep"
    assert verdicts(installation) == ["bootstrap", "keep"]


def test_a_dry_run_records_the_verdict_and_asks_nobody(run_dag, installation, monkeypatch):
    monkeypatch.setenv("GATE__MODE", "dry_run")
    assert end_of(run_dag("retraining")) == "keep"
    assert verdicts(installation) == ["promote"]
    assert candidates(installation) == 0
