"""A model's way into production and back, in a browser; whoever may not do a step is refused."""

import email
import email.policy
import os
import re
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from future_skills.database import connect, fetch_row, fetch_rows
from runtime.airflow_api import AirflowApi
from runtime.postgres import reached_server
from runtime.state import State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

PATIENCE_MS, RUN_SECONDS = 120_000, 900
OPTIONS = {
    "APPROVAL": "required",
    "DEPLOY": "manual",
    "TRAINING__ESTIMATOR": "logistic_regression",
    "GATE__RESAMPLES": "200",
    "GATE__REFRESH_MARGIN": "1",  # the second version passes by not being clearly worse
}
REFUSED = (None, 403)
BUTTON_MS = 15_000
"""A button that has not come by then is not there."""
RETRAINING, PROMOTION, DEPLOYMENT, PREDICTION = (
    f"future_skills_{name}" for name in ("retraining", "promotion", "deployment", "prediction")
)


class People:
    """A browser; each person has a window of their own, signed in with their password."""

    def __init__(self, browser, installation, folder):
        self._browser, self._installation, self._folder = browser, installation, folder
        self._pages, self._shots = {}, 0

    def open(self, user, link):
        """The person's window at a link of Airflow; the first time, Airflow asks who it is, and leads on to the link."""
        known = user in self._pages
        if not known:
            self._pages[user] = self._browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
            self._pages[user].set_default_timeout(PATIENCE_MS)
        page, address = self._pages[user], link if link.startswith("http") else f"{self._installation.address}/{link}"
        for other in self._pages.values():
            if other is not page:
                other.goto("about:blank")  # a page of Airflow that nobody looks at draws and asks on, and slows what it shows
        page.goto(address)
        if not known:
            page.fill("input[name=username]", user)
            page.fill("input[name=password]", self._installation.password(user))
            page.click("input[type=submit]")
            page.wait_for_url(address)
        return page

    def leave(self):
        """Close every window."""
        for page in self._pages.values():
            page.context.close()

    def keep(self, page, name):
        """Keep what is on the screen as a picture."""
        self._shots += 1
        page.screenshot(path=self._folder / f"{self._shots:02d}-{name}.png")


@pytest.fixture(scope="module")
def people(chromium, installation, tmp_path_factory):
    """The browser beside a running Airflow in which v1 is deployed, and its API as somebody who only reads."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    first = {"ANSWER": "approve", "VERSION": "v1", "REASON": "the first one"}
    with installation.serving(**OPTIONS):
        assert installation.command("promote", AIRFLOW_USER="drh.two", **first).code == 0
        assert installation.command("deploy", REASON="the first one").code == 0
        wait_for_run(installation, PREDICTION, after=0)
        people = People(chromium, installation, folder)
        yield people
        people.leave()


@contextmanager
def reader(installation):
    """Airflow's API as the developer."""
    with closing(AirflowApi(installation.address, "developer", installation.password("developer"))) as api:
        yield api


def runs_of(installation, dag_id):
    """Runs of a DAG that did something, oldest first."""
    with reader(installation) as api:
        runs = [run for run in api.runs() if run["dag_id"] == dag_id]
        if dag_id == PREDICTION:  # a week without a champion is skipped
            runs = [run for run in runs if run["state"] != "success" or api.xcom(run, "publish")]
    return sorted(runs, key=lambda run: run["run_after"])


def wait_for_run(installation, dag_id, *, after):
    """The run of a DAG beyond the first `after` ones, when it has succeeded."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        new = runs_of(installation, dag_id)[after:]
        if new and new[0]["state"] == "failed":
            pytest.fail(f"{dag_id} failed: {new[0]}")
        if new and new[0]["state"] == "success":
            return new[0]
        time.sleep(2)
    pytest.fail(f"{dag_id} did not end in {RUN_SECONDS} s")


def predictions(installation):
    """The rows the HR application shows."""
    with reached_server(State(installation.folder / "demo")) as databases, closing(connect(databases["hr"])) as hr:
        return {
            (row["job_role_id"], row["skill_id"]): (row["score"], row["level"])
            for row in fetch_rows(hr, "SELECT job_role_id, skill_id, score, level FROM future_skills_futureskillprediction")
        }


def record(installation, query):
    """A row of the ledger."""
    with reached_server(State(installation.folder / "demo")) as databases, closing(connect(databases["hr"])) as hr:
        return fetch_row(hr, query)


def wait_for_mail(installation, recipient, subject):
    """The text of a mail to somebody, with this subject, once it has come."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        for path in sorted((installation.folder / "demo" / "mail").glob("*.eml"), reverse=True):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if (mail["To"], mail["Subject"]) == (recipient, subject):
                return mail.get_body(("plain",)).get_content()
        time.sleep(2)
    return pytest.fail(f"{recipient} got no mail {subject!r}")


def wait_for_question(installation):
    """Until Airflow asks: the mail is written first."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        with reader(installation) as api:
            if any(question["task_instance"]["state"] == "awaiting_input" for question in api.open_questions(PROMOTION)):
                return
        time.sleep(2)
    pytest.fail("Airflow asked nothing")


def fill(form, *, choices=(), ticks=(), texts=()):
    """Fill the form of a DAG: fields with a list to choose from, switches, texts."""
    for field, value in choices:
        chooser = form.locator(f"div:has(> input[name=element_{field}]) input[role=combobox]")
        chooser.fill(value)
        chooser.press("Enter")
    for field in ticks:
        form.locator(f"label:has(input[name=element_{field}])").click()
    for field, value in texts:
        form.locator(f"[name=element_{field}]").fill(value)


def comes(button):
    """Is there the button? Airflow draws it after the rest of the page, once it has asked what the person may do."""
    from playwright.sync_api import TimeoutError as NotInTime

    try:
        button.first.wait_for(timeout=BUTTON_MS)
    except NotInTime:
        return False
    return True


def start_in_the_form(people, user, dag_id, **fields):
    """Trigger a DAG as a person does: open it, press Trigger, fill the form, press Trigger; returns Airflow's answer's status.

    None when there is no button to press.
    """
    page = people.open(user, f"dags/{dag_id}")
    button = page.get_by_role("button", name="Trigger Dag")
    page.get_by_text("Latest Dag Version").first.wait_for()
    if not comes(button) or button.is_disabled():
        people.keep(page, f"{user}-has-no-button-for-{dag_id}")
        return None
    button.click()
    form = page.locator(".chakra-dialog__content[data-state=open]")
    submit = form.get_by_test_id("trigger-dag-submit")
    submit.wait_for()
    fill(form, **fields)
    with page.expect_response(lambda answer: answer.url.endswith("/dagRuns") and answer.request.method == "POST") as answered:
        submit.click()
    page.wait_for_timeout(1_000)  # the message about it comes after the answer
    people.keep(page, f"{user}-starts-{dag_id}")
    return answered.value.status


def refused_to_answer(people, user, link):
    """Does Airflow refuse this person the answer: by no button, or when it is pressed?"""
    page = people.open(user, link)
    page.get_by_text("Shall model v2 predict from now on?").first.wait_for()
    button, reason = page.get_by_role("button", name="Approve"), page.locator("[name=element_reason]")
    if comes(reason):
        reason.fill("because I want it")  # without one the button is dead for everybody
    else:
        assert not comes(button), "a button that nobody can press says nothing about rights"
    if not comes(button) or button.is_disabled():
        page.get_by_text("SHA-256").last.scroll_into_view_if_needed()
        people.keep(page, f"{user}-has-no-answer")
        return True
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as answered:
        button.click()
    page.wait_for_timeout(1_000)
    people.keep(page, f"{user}-is-refused-the-answer")
    return answered.value.status == 403


def test_a_model_goes_into_production_and_back(people, installation):
    by_v1 = predictions(installation)
    trained, deployed = len(runs_of(installation, RETRAINING)), len(runs_of(installation, DEPLOYMENT))
    predicted = len(runs_of(installation, PREDICTION))

    for user in ("drh.one", "developer"):
        assert start_in_the_form(people, user, RETRAINING) in REFUSED, user
    choices = [("estimator", "hist_gradient_boosting")]
    assert start_in_the_form(people, "scientist", RETRAINING, choices=choices, ticks=["refresh"]) == 200
    wait_for_run(installation, RETRAINING, after=trained)
    wait_for_run(installation, PREDICTION, after=predicted)  # the new dataset, by v1

    body = wait_for_mail(installation, "drh.one@example.com", "Your approval is needed: model v2")
    assert "It was judged as a refresh: it only had to be not worse than the deployed model" in " ".join(body.split())
    (link,) = re.findall(rf"{installation.address}/\S+/required_actions\S*", body)
    wait_for_question(installation)
    for user in ("scientist", "devops", "developer"):
        assert refused_to_answer(people, user, link), user

    page = people.open("drh.one", link)
    page.get_by_text("Shall model v2 predict from now on?").first.wait_for()
    digest = record(installation, "SELECT digest FROM future_skills_ops.approval WHERE version = 'v2' LIMIT 1")["digest"]
    assert page.get_by_text(digest[:12]).count()
    assert page.get_by_text("as a refresh: not worse was enough").count()
    people.keep(page, "drh.one-reads")
    page.locator("[name=element_reason]").fill("better ranked, seen in the committee")
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as answered:
        page.get_by_role("button", name="Approve").click()
    assert answered.value.status == 200
    people.keep(page, "drh.one-has-approved")
    wait_for_run(installation, PROMOTION, after=1)
    settled = record(installation, "SELECT * FROM future_skills_ops.approval ORDER BY event_id DESC LIMIT 1")
    assert (settled["version"], settled["event"], settled["actor"]) == ("v2", "approved", "drh.one")
    assert settled["reason"] == "better ranked, seen in the committee"
    assert predictions(installation) == by_v1

    predicted = len(runs_of(installation, PREDICTION))
    for user in ("scientist", "drh.one", "developer"):
        assert start_in_the_form(people, user, DEPLOYMENT, texts=[("reason", "because I want it")]) in REFUSED, user
    assert start_in_the_form(people, "devops", DEPLOYMENT, texts=[("reason", "approved")]) == 200
    wait_for_run(installation, DEPLOYMENT, after=deployed)
    wait_for_run(installation, PREDICTION, after=predicted)
    by_v2 = predictions(installation)
    assert set(by_v2) == set(by_v1)
    assert sum(by_v2[pair] != by_v1[pair] for pair in by_v1) > len(by_v1) / 2

    back = {"choices": [("kind", "rollback")], "texts": [("reason", "complaints")]}
    assert start_in_the_form(people, "devops", DEPLOYMENT, **back) == 200
    wait_for_run(installation, DEPLOYMENT, after=deployed + 1)
    wait_for_run(installation, PREDICTION, after=predicted + 1)
    assert predictions(installation) == by_v1
    newest = record(installation, "SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT 1")
    assert (newest["version"], newest["kind"], newest["actor"], newest["reason"]) == ("v1", "rollback", "devops", "complaints")
