"""The pages on real data: what they say is what the ledger says, and nothing that HR or anybody typed becomes markup."""

import csv
import io
import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd
import pytest

import support.airflow_home  # noqa: F401 - before Airflow is imported
from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.drift.realised import measure_decisions
from future_skills.drift.report import report_drift
from future_skills.ledger.batches import newest_published
from future_skills.ledger.versions import newest_evaluation
from future_skills.model.libraries import library_versions
from future_skills.registry.page import render_registry
from support.prepared import copied, prepared, published

SCRIPT = '<script>alert("1")</script>\'&amp;'
FORMULA = '=HYPERLINK("http://evil.example","click")'
BACKWARDS = "\u202ekcab \u05d0\u05d1"
LONG = "Long" * 37 + "xx"
UNKNOWN = "accuracy unknown"
PAGES = ("/", "/model", "/registry", "/registry/compare?one=v1&other=v1", "/drift", "/predictions", "/runs")


def watched(bench):
    """The published company with a drift report, a moved prediction, a mail, and the names a spiteful person would choose."""
    published(bench)
    connection = bench.connection
    batch = newest_published(connection, 5)
    report_drift(connection, bench.store, bench.settings, batch.batch_id)
    with connection:
        for table, first in (("jobrole", SCRIPT), ("skill", FORMULA)):
            for number, name in enumerate((first, BACKWARDS, LONG), start=1):
                execute(connection, f"UPDATE future_skills_{table} SET name = %s WHERE id = %s", (name, number))
        execute(connection, "UPDATE future_skills_jobrole SET department = %s WHERE id = 1", ("<b>bold</b>",))
        execute(connection, "UPDATE future_skills_skill SET category = %s WHERE id = 1", ("<i>x</i>",))
        execute(
            connection,
            "INSERT INTO future_skills_ops.prediction_change (batch_id, job_role_id, skill_id, horizon_years, kind, old_level,"
            " new_level, old_score, new_score) SELECT %s, job_role_id, skill_id, 5, 'moved', 'LOW', level, 1.5, score"
            " FROM future_skills_futureskillprediction WHERE job_role_id = 1 AND skill_id IN (1, 2)",
            (batch.batch_id,),
        )
        execute(
            connection,
            "INSERT INTO future_skills_ops.outbox (cause, period, recipient, subject, text_part, html_part, message_id, attempts,"
            " last_error) VALUES ('c', 'p', 'a@example.com', %s, '', '', 'm', 2, %s)",
            (SCRIPT, SCRIPT),
        )
        execute(connection, "UPDATE future_skills_ops.chain SET requested_by = %s", (SCRIPT,))


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory):
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("dashboard"), "watched", watched)


@pytest.fixture
def bench(origin, tmp_path):
    with copied(origin, tmp_path / "copy") as bench:
        execute(
            bench.connection,
            "UPDATE future_skills_ops.drift_report SET html_uri = replace(html_uri, %s, %s)",
            (str(origin.folder), str(bench.store.root)),
        )
        bench.connection.commit()
        yield bench


@pytest.fixture
def visit(bench):
    from support.dashboard import client

    @contextmanager
    def open_as(role="Admin", runs=None):
        with client(role, bench.connection.dsn, bench.settings, runs) as browser:
            yield browser

    return open_as


def text_of(answer) -> str:
    """What a person reads: no tags, entities resolved, white space single."""
    from html import unescape

    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def change(bench, statement, *parameters):
    with bench.connection:
        execute(bench.connection, statement, parameters)


# What they say


def test_the_overview_shows_the_model_its_worth_and_the_batch(bench, visit):
    metrics, batch = newest_evaluation(bench.connection, "v1").metrics, newest_published(bench.connection, 5)
    with visit() as browser:
        page = text_of(browser.get("/"))
    overall = metrics["overall"]
    for name, label in (("ap_high", "AP(HIGH), unseen job roles"), ("macro_f1", "macro-F1"), ("accuracy", "Accuracy")):
        assert f"{label} {overall[name]['value']:.3f}" in page
    assert f"n = {metrics['rows']:,} decisions, {metrics['roles']} roles" in page
    assert f"Predictions, last batch {batch.pairs:,}" in page
    assert f"Predictions written today {batch.counts['inserted']:,} 1 batch: {batch.counts['inserted']:,} new, 0 changed" in page
    high = sum(side["HIGH"] for side in batch.levels.values())
    assert f"HIGH {high:,} {high / batch.pairs:.1%}" in page
    assert UNKNOWN not in page
    stored = fetch_value(bench.connection, "SELECT count(*) FROM future_skills_futureskillprediction WHERE level = 'HIGH'")
    assert stored == high


def test_what_is_wrong_is_said_first(bench, visit):
    with visit() as browser:
        page = text_of(browser.get("/"))
        assert "1 mail waits for the mail server" in page
        change(
            bench,
            "UPDATE future_skills_ops.drift_report SET drifted = true, columns = jsonb_set(columns, '{score,drift}', 'true')",
        )
        page = text_of(browser.get("/"))
        assert "The newest data drifts in score" in page
        assert "needs attention" in page
        change(
            bench,
            "UPDATE future_skills_ops.drift_report SET unknown = true, columns = jsonb_set(columns, '{level,drift}', 'null')",
        )
        assert "Could not be compared in the newest data: level" in text_of(browser.get("/"))
    with visit("Developer") as browser:
        assert 'href="/future-skills/drift"' not in browser.get("/").text


def test_the_model_page_tells_worth_checks_and_people(bench, visit):
    evaluation = newest_evaluation(bench.connection, "v1")
    with visit() as browser:
        page = text_of(browser.get("/model"))
        card = browser.get("/model/card?version=v1")
    for name, baseline in evaluation.metrics["baselines"].items():
        assert f"{baseline['ap_high']:.3f}" in page, name
    for check in evaluation.checks:
        assert check["name"] in page
    assert "AP(HIGH) floor" in page
    assert "passed" in page
    assert "approval approved" in page
    assert "# Model card: v1" in card.text
    assert card.headers["content-disposition"] == 'attachment; filename="model-card-v1.md"'


def test_the_model_page_tells_what_the_version_was_worth_on_later_decisions(bench, visit):
    rows = pd.DataFrame(
        {
            "job_role_id": [1, 1, 2, 3],
            "level": ["HIGH", "LOW", "HIGH", "LOW"],
            "predicted": ["HIGH", "LOW", "LOW", "LOW"],
            "probability_high": [0.9, 0.1, 0.4, 0.2],
            "persisting": ["LOW"] * 4,
            "overwritten": [False, True, False, False],
        }
    )
    measured = measure_decisions(rows, bench.settings.gate, 1)
    change(
        bench,
        "INSERT INTO future_skills_ops.realised_performance (version, week, population, dataset_id, decisions,"
        " horizon_years, metrics)"
        " SELECT 'v1', '2026-11-16', 'undecided', dataset_id, 4, 5, %s FROM future_skills_ops.dataset LIMIT 1",
        json.dumps(measured),
    )
    with visit() as browser:
        page = text_of(browser.get("/model"))
    assert "accuracy macro-F1 AP(HIGH)" in page
    for name in ("accuracy", "macro_f1", "ap_high"):
        low, high = measured[name]["ci"]
        assert f"{measured[name]['value']:.3f} [{low:.3f}, {high:.3f}]" in page, name


def test_a_retraining_that_drift_asked_for_says_what_became_of_it(bench, visit):
    change(
        bench,
        "INSERT INTO future_skills_ops.retraining_request (report_id, reason, dag_run_id, requested_at) SELECT report_id,"
        " 'two of three drift', 'drift__1', now() - interval '3 days' FROM future_skills_ops.drift_report LIMIT 1",
    )
    with visit() as browser:
        assert "two of three drift failed" in text_of(browser.get("/drift"))


def test_a_mail_that_was_given_up_is_no_longer_waiting(bench, visit):
    with visit() as browser:
        before = text_of(browser.get("/"))
    change(bench, "UPDATE future_skills_ops.outbox SET given_up_at = now() WHERE sent_at IS NULL AND attempts > 0")
    with visit() as browser:
        assert "given up" in text_of(browser.get("/runs"))
        assert "mail server" in before
        assert "mail server" not in text_of(browser.get("/"))


def test_bootstrap_labels_are_marked_wherever_a_figure_stands(bench, visit):
    change(bench, "UPDATE future_skills_ops.model_version SET label_source = 'bootstrap'")
    change(bench, "UPDATE future_skills_ops.evaluation SET metrics = jsonb_set(metrics, '{accuracy_known}', 'false')")
    with visit() as browser:
        overview, model, registry = (browser.get(path).text for path in ("/", "/model", "/registry"))
        comparison, predictions = browser.get("/registry/compare?one=v1&other=v1").text, browser.get("/predictions").text
        ranking, pair = browser.get("/predictions/role/1").text, browser.get("/predictions/pair/1/2").text
    tiles = re.findall(r'<div class="tile">.*?</div>', overview, re.S)
    assert [UNKNOWN in tile for tile in tiles] == [False, True, True, True, False, False]
    for section in re.findall(r"<section.*?</section>", model, re.S):
        measured = re.search(r">(AP\(HIGH\)|macro-F1|precision|weighted F1)", section)
        assert not measured or UNKNOWN in section, section[:300]
    for page in (registry, comparison, predictions, ranking, pair):
        assert UNKNOWN in page


def test_an_evaluation_of_an_earlier_release_still_shows(bench, visit):
    for missing in ("known_roles", "importance", "targets", "champion_unmeasured"):
        change(bench, "UPDATE future_skills_ops.evaluation SET metrics = metrics - %s", missing)
        with visit() as browser:
            assert "Worth on job roles" in text_of(browser.get("/model"))


def test_a_version_nobody_measured_or_that_is_not_there(bench, visit):
    change(bench, "DELETE FROM future_skills_ops.approval WHERE false")
    with visit() as browser:
        answer = browser.get("/model?version=v99")
        assert answer.status_code == 404
        assert "The ledger has no model version &#39;v99&#39;" in answer.text
        assert browser.get("/registry/compare?one=v1&other=v99").status_code == 404
        assert browser.get("/registry/compare?one=v1").status_code == 422
        assert browser.get("/drift?report=77").status_code == 404
        assert browser.get("/predictions/role/99999").status_code == 404
        assert browser.get("/predictions/pair/1/99999").status_code == 404
        assert browser.get("/predictions/role/99999999999999999999").status_code == 422
        assert browser.get("/predictions/role/1?level=SOME").status_code == 422
        assert browser.get("/runs?page=0").status_code == 422


def test_the_registry_tells_who_let_a_version_in(visit):
    with visit() as browser:
        page = text_of(browser.get("/registry"))
    assert "v1 ● deployed" in page
    assert "● approved drh," in page
    assert "by devops" in page


@pytest.mark.parametrize("bar, refresh", [(-0.02, True), (0, False)])
def test_a_refresh_is_said_to_have_been_one(bench, visit, bar, refresh):
    check = {"name": "AP(HIGH) minus champion's", "slice": "all", "n": 5, "value": 0.01, "threshold": bar, "baseline": "v1",
             "ci": [-0.01, 0.03], "verdict": "pass"}  # fmt: skip
    change(bench, "UPDATE future_skills_ops.evaluation SET champion_version = 'v1', checks = checks || %s", json.dumps([check]))
    with visit() as browser:
        model, registry = text_of(browser.get("/model")), text_of(browser.get("/registry"))
    assert ("Judged as a refresh: to be promoted its AP(HIGH) had to be not worse than that of v1 by more" in model) is refresh
    assert ("● promote refresh" in registry) is refresh
    assert ("● promote" in registry) is True


def test_a_version_of_other_libraries_is_told_in_the_words_of_the_registry(bench, visit):
    def told() -> tuple[str, str]:
        return text_of(browser.get("/registry")), text_of(browser.get("/model?version=v1"))

    with visit() as browser:
        for page in told():
            assert "made with" not in page
        assert "Deployable here yes HR application" in told()[1]
        change(
            bench,
            'UPDATE future_skills_ops.model_version SET libraries = libraries || \'{"scikit-learn": "0.1"}\''
            " WHERE version = 'v1'",
        )
        words = f"no, made with scikit-learn 0.1, here {library_versions()['scikit-learn']}"
        assert words in render_registry(bench.connection)
        for page in told():
            assert words in page


def test_drift_is_told_in_words_and_shown_in_a_frame_that_reaches_nothing(bench, visit):
    with visit("DevOps") as browser:
        page = browser.get("/drift").text
        assert 'sandbox="allow-scripts"' in page
        assert "allow-same-origin" not in page
        report = browser.get("/drift/reports/1")
        assert report.text.strip().startswith("<!DOCTYPE html>")
        assert "No drift" in report.text
        policy = report.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("sandbox allow-scripts")
        assert "connect-src" not in policy
        words = text_of(browser.get("/drift"))
    for name in fetch_value(bench.connection, "SELECT columns FROM future_skills_ops.drift_report"):
        assert name.replace("_", " ") in words


def test_a_report_file_that_is_gone_is_said_so(bench, visit):
    bench.store.resolve(fetch_value(bench.connection, "SELECT html_uri FROM future_skills_ops.drift_report")).unlink()
    with visit() as browser:
        answer = browser.get("/drift/reports/1")
        assert answer.status_code == 404
        assert "is gone from the artefact store: restore it from a backup" in answer.text
        assert browser.get("/drift").status_code == 200


def test_a_report_outside_of_the_store_is_not_read(bench, visit):
    change(bench, "UPDATE future_skills_ops.drift_report SET html_uri = '/etc/passwd'")
    with visit() as browser:
        answer = browser.get("/drift/reports/1")
    assert answer.status_code == 503
    assert "outside the artefact store" in answer.text
    assert "root:" not in answer.text


UNKNOWN_COLUMNS = """UPDATE future_skills_ops.drift_report SET unknown = true, columns = columns
    || jsonb_build_object('trend_score', columns -> 'trend_score' || '{"drift": null, "problem": "constant"}')
    || jsonb_build_object('level', columns -> 'level'
                                   || '{"drift": null, "problem": "halved", "lost": {"usage": [4000, 2000]}}')"""


def test_why_a_column_is_unknown_is_said_on_both_pages(bench, visit):
    change(bench, UNKNOWN_COLUMNS)
    with visit() as browser:
        for path in ("/", "/drift"):
            page = text_of(browser.get(path))
            assert "one value is left where there were many" in page, path
            assert "a source lost rows" in page, path
            assert "usage fell from 4,000 to 2,000" in page, path


def test_reports_that_do_not_count_are_listed_and_marked(bench, visit):
    change(
        bench,
        "INSERT INTO future_skills_ops.drift_report (dataset_id, batch_id, reference_batch_id, version, horizon_years, columns,"
        " drifted, unknown, counted, html_uri, json_uri) SELECT dataset_id, batch_id, reference_batch_id, version, horizon_years,"
        " columns, true, false, false, html_uri, json_uri FROM future_skills_ops.drift_report",
    )
    with visit() as browser:
        page = browser.get("/drift").text
        assert re.search(r'<option value="2">[^<]*: drift, not counted</option>', page)
        assert '<option value="1" selected>' in page
        assert "does not count towards a retraining" in text_of(browser.get("/drift?report=2"))


def test_a_late_week_a_decay_and_what_was_held_back_are_on_the_overview(bench, visit):
    with visit() as browser:
        calm = text_of(browser.get("/"))
    for word in ("chain is late", "decays", "held back"):
        assert word not in calm
    change(
        bench,
        "UPDATE future_skills_ops.chain SET stages = stages || %s",
        json.dumps(
            {
                "prediction": {"state": "audit failed", "findings": ["the share of HIGH among undecided pairs moved by +30%"]},
                "realised": {"state": "measured", "decisions": 140},
                "decay": {"state": "decays", "version": "v1", "metric": "macro_f1", "value": 0.3, "threshold": 0.5, "n": 140},
            }
        ),
    )
    change(bench, "UPDATE future_skills_ops.dataset SET created_at = now() - interval '9 days'")
    with visit() as browser:
        page = text_of(browser.get("/"))
        runs = text_of(browser.get("/runs"))
    assert "No data was read for 9 days" in page
    assert "v1 decays: macro-F1 0.300" in page
    assert "held back: the share of HIGH among undecided pairs moved by +30%" in page
    assert "the share of HIGH among undecided pairs moved by +30%" in runs


def test_chains_are_lines_with_their_runs_and_mails_say_what_became_of_them(bench, visit):
    from dashboard.airflow_runs import DagState, Run
    from support.dashboard import StillAirflow

    run = Run("future_skills_drift", "a+b/c", "success", datetime.now(UTC))
    chain_id = fetch_value(bench.connection, "SELECT chain_id FROM future_skills_ops.chain")
    airflow = StillAirflow({chain_id: [run]}, [DagState("future_skills_drift", True, run)])
    with visit(runs=airflow) as browser:
        answer = browser.get("/runs")
    assert answer.text.count('href="/dags/future_skills_drift/runs/a%2Bb%2Fc"') == 2
    page = text_of(answer)
    for word in (
        "dataset ● accepted",
        "gate ● promote",
        "deployment ● deployed",
        "prediction ● published",
        "drift ● normal",
        "paused",
    ):
        assert word in page, word
    assert "tried 2 times" in page


def test_an_open_approval_leads_to_where_it_is_answered(bench, visit):
    change(
        bench,
        "INSERT INTO future_skills_ops.approval (request_id, event, version, digest, evaluation_id, metrics, expires_at)"
        " SELECT 'again', 'requested', version, digest, evaluation_id, metrics, now() + interval '1 day'"
        " FROM future_skills_ops.approval LIMIT 1",
    )
    with visit("DRHManager") as browser:
        for path in ("/", "/registry", "/runs"):
            assert re.search(r'href="/required_actions" target="_top" data-airflow>[^<]*v1', browser.get(path).text), path


# Predictions


def test_a_ranking_is_that_of_the_table(bench, visit):
    stored = fetch_rows(
        bench.connection,
        "SELECT name, score, level FROM future_skills_futureskillprediction AS row"
        " JOIN future_skills_skill AS skill ON skill.id = skill_id WHERE job_role_id = 7 ORDER BY score DESC, row.id",
    )
    with visit() as browser:
        page = text_of(browser.get("/predictions/role/7"))
        high = text_of(browser.get("/predictions/role/7?level=HIGH"))
    places = [page.index(f" {row['name']} ") for row in stored if row["name"] not in {FORMULA, BACKWARDS, LONG}]
    assert places == sorted(places)
    assert [row["name"] in high for row in stored if row["level"] != "HIGH"] == [False] * sum(
        row["level"] != "HIGH" for row in stored
    )
    assert "(Future Skills model)" not in page


def test_long_rankings_come_in_pages(bench, visit, monkeypatch):
    from dashboard.pages import predictions

    monkeypatch.setattr(predictions, "RANKED", 25)
    shown = []
    with visit() as browser:
        for number in (1, 2, 3):
            page = browser.get(f"/predictions/role/7?page={number}").text
            shown += re.findall(r"/predictions/pair/7/(\d+)", page)
            assert ("Next" in page) == (number < 3)
    assert len(shown) == len(set(shown)) == 60


def test_a_pair_tells_reason_decision_and_history(bench, visit):
    row = fetch_row(bench.connection, "SELECT * FROM future_skills_futureskillprediction WHERE (job_role_id, skill_id) = (1, 2)")
    with visit() as browser:
        page = text_of(browser.get("/predictions/pair/1/2"))
        untouched = text_of(browser.get("/predictions/pair/5/9"))
    assert row["rationale"].removesuffix(" (Future Skills model)") in page
    assert f"{row['score']:.1f} of 100" in page
    assert f"moved 1.5 {row['score']:.1f} LOW to {row['level']}" in page
    assert "Never moved." in untouched


@pytest.mark.parametrize("explanation", [None, "[]", '"text"', "{}", '{"source": "shap", "confidence": 3}'])
def test_a_row_of_the_hr_application_is_shown_as_such(bench, visit, explanation):
    change(
        bench,
        "UPDATE future_skills_futureskillprediction SET rationale = NULL, explanation = %s WHERE job_role_id = 3",
        explanation,
    )
    with visit() as browser:
        assert "the HR application itself" in text_of(browser.get("/predictions/pair/3/4"))
        assert browser.get("/predictions/role/3").status_code == 200
        assert browser.get("/predictions/download?role=3").status_code == 200


def overwritten(bench):
    """The HR application has recalculated one of our rows: it keeps our explanation."""
    change(
        bench,
        "UPDATE future_skills_futureskillprediction SET score = 59, level = 'MEDIUM', rationale = 'Rules say so.'"
        " WHERE (job_role_id, skill_id) = (3, 4)",
    )


def test_a_row_that_the_hr_application_changed_is_marked(bench, visit):
    overwritten(bench)
    with visit() as browser:
        pair, untouched = text_of(browser.get("/predictions/pair/3/4")), text_of(browser.get("/predictions/pair/3/5"))
        of_role, of_skill = browser.get("/predictions/role/3").text, browser.get("/predictions/skill/4").text
        other = text_of(browser.get("/predictions/role/7"))
        rows = list(csv.DictReader(io.StringIO(browser.get("/predictions/download?role=3").content.decode("utf-8-sig"))))
    assert "changed in the HR application" in pair
    assert "Rules say so." in pair
    assert "Confidence" not in pair
    assert "changed in the HR application" not in untouched + other
    for page in (of_role, of_skill):
        (row,) = [row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if "changed in the HR application" in row]
        assert "/predictions/pair/3/4" in row
        assert " %" not in row, "what we said of another score is no confidence in this one"
    changed = [row for row in rows if row["written by"] != "Future Skills"]
    assert [(row["written by"], row["score"], row["confidence in %"]) for row in changed] == [
        ("changed in the HR application", "59.0", "")
    ]


def test_a_row_of_the_hr_application_is_marked_in_lists(bench, visit):
    change(
        bench,
        "UPDATE future_skills_futureskillprediction SET explanation = %s WHERE (job_role_id, skill_id) = (3, 4)",
        '{"source": "shap", "confidence": "very sure"}',
    )
    with visit() as browser:
        assert "by the HR application" in text_of(browser.get("/predictions/role/3"))
        rows = list(csv.DictReader(io.StringIO(browser.get("/predictions/download?role=3").content.decode("utf-8-sig"))))
    assert sum(row["written by"] == "the HR application" for row in rows) == 1


@pytest.mark.parametrize(
    "typed, found",
    [("evil.EXAMPLE", FORMULA), ("%", None), ("100%", None), ("_", None), ("\\", None), ("'; DROP", None), ("\x00", None)],
)
def test_what_is_typed_is_searched_literally(visit, typed, found):
    with visit() as browser:
        answer = browser.get("/predictions", params={"q": typed})
        page = text_of(answer)
    assert ("Nothing is called so." in page) == (found is None and typed != "\x00")
    if found:
        assert found in page


def test_movers_are_those_of_the_newest_batch(visit):
    with visit() as browser:
        page = text_of(browser.get("/predictions"))
    assert "Movers since last week" in page
    assert len(re.findall(r" 1\.5 ", page)) == 2


def test_the_download_is_the_table_and_computes_nothing(bench, visit):
    stored = fetch_rows(
        bench.connection, "SELECT score, level FROM future_skills_futureskillprediction WHERE job_role_id = 1 ORDER BY score DESC"
    )
    with visit("DRHManager") as browser:
        answer = browser.get("/predictions/download?role=1")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        everything = browser.get("/predictions/download").content.decode("utf-8-sig")
        high = list(csv.DictReader(io.StringIO(browser.get("/predictions/download?level=HIGH").content.decode("utf-8-sig"))))
        of_skill = list(csv.DictReader(io.StringIO(browser.get("/predictions/download?skill=1").content.decode("utf-8-sig"))))
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9-]+\.csv"', answer.headers["content-disposition"])
    assert [(float(row["score"]), row["level"]) for row in rows] == [(row["score"], row["level"]) for row in stored]
    assert {row["job role"] for row in rows} == {SCRIPT}
    assert f"'{FORMULA}" in {row["skill"] for row in rows}
    assert f"'{BACKWARDS}" in {row["skill"] for row in rows}
    assert {row["skill"] for row in of_skill} == {f"'{FORMULA}"}
    assert len(list(csv.DictReader(io.StringIO(everything)))) == 30 * 60
    assert {row["level"] for row in high} == {"HIGH"}
    assert not any(cell[:1] in "=+@" for row in rows for cell in row.values() if cell)


# What anybody typed


def test_hostile_names_are_text_on_every_page(visit):
    paths = (
        *PAGES,
        "/predictions/role/1",
        "/predictions/skill/1",
        "/predictions/pair/1/1",
        "/predictions?q=%3Cscript%3E",
        "/predictions/pair/1/2",
    )
    with visit() as browser:
        for path in paths:
            page = browser.get(path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text, path
            assert "<b>bold" not in page.text
            assert "<i>x" not in page.text
            for data in re.findall(r'<script type="application/json" class="figure">(.*?)</script>', page.text, re.S):
                json.loads(data)
                assert "<" not in data
        for name in (BACKWARDS, LONG):
            found = browser.get("/predictions", params={"q": name}).text
            assert found.count(f"<bdi>{name}</bdi></a>") >= 2, "a name keeps its direction to itself"


def test_a_name_in_a_chart_is_no_markup(bench, visit):
    change(
        bench,
        "UPDATE future_skills_ops.evaluation SET metrics = jsonb_set(metrics, '{slices,0,name}', to_jsonb(%s::text))",
        '</script><a href="http://evil.example">x</a>',
    )
    with visit() as browser:
        page = browser.get("/model").text
    assert "</script><a" not in page
    assert '<a href="http://evil' not in page
    figures = [json.loads(data) for data in re.findall(r'class="figure">(.*?)</script>', page, re.S)]
    labels = [label for figure in figures for trace in figure["data"] for label in trace.get("y", []) if isinstance(label, str)]
    assert any("&lt;/script&gt;&lt;a href" in label for label in labels)
