"""The dashboard as people use it: signed in through Airflow, inside its page, in a real browser."""

import csv
import io
import re
from contextlib import closing
from pathlib import Path

import httpx
import pytest

import support.airflow_home  # noqa: F401 - before Airflow is imported
from future_skills.database import connect, fetch_value

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2_400)]

USERS = ("admin", "scientist", "drh.one", "devops", "developer")
SEES_DRIFT = {"admin", "scientist", "devops"}
DOWNLOADS = {"admin", "scientist", "drh.one"}
SECTIONS = ("Overview", "Model", "Registry", "Drift", "Predictions", "Runs and alerts")
HEADINGS = {"Overview": "Pipeline:", "Model": "Model v", "Registry": "Model registry"}
PATHS = {
    "overview": "/", "model": "/model", "registry": "/registry", "compare": "/registry/compare?one=v1&other=v1",
    "drift": "/drift", "predictions": "/predictions", "search": "/predictions?q=data", "role": "/predictions/role/1",
    "skill": "/predictions/skill/3", "pair": "/predictions/pair/1/2", "runs": "/runs", "missing": "/no/such/page",
}  # fmt: skip
VIEWS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "360": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}},
}
HIDDEN_CARDS = """() => innerWidth < 640
    ? [...document.querySelectorAll(".cards")].filter((one) => one.scrollWidth > innerWidth).length : 0"""
"""Wide tables that keep a part of each row outside of a narrow screen."""


def open_dashboard(page, installation):
    """Follow the entry of Airflow's navigation; returns the frame it opens, loaded."""
    page.goto(f"{installation.url}/")
    page.get_by_role("link", name="Future Skills").click()
    page.frame_locator("iframe[title='Future Skills']").locator("h1").first.wait_for()
    frame = next(one for one in page.frames if one.parent_frame and "/future-skills/" in one.url)
    frame.wait_for_load_state()
    return frame


def settle(page):
    page.wait_for_load_state("networkidle")
    from playwright.sync_api import expect

    undrawn = page.locator(".plot").filter(has_not=page.locator(".main-svg"))
    expect(undrawn).to_have_count(0, timeout=60_000)  # not wait_for_function: the page's policy lets no text be run as code


@pytest.mark.parametrize("user", USERS)
def test_each_role_opens_each_of_its_pages(installation, signed_in, user):
    with signed_in(user) as (page, seen):
        frame = open_dashboard(page, installation)
        offered = frame.get_by_role("navigation", name="Dashboard").get_by_role("link").all_inner_texts()
        assert offered == [name for name in SECTIONS if name != "Drift" or user in SEES_DRIFT]
        for name in offered:
            if name != "Overview":
                frame.get_by_role("navigation", name="Dashboard").get_by_role("link", name=name).click()
            frame.locator(f"nav a[aria-current=page]:text-is('{name}')").wait_for()
            assert frame.locator("h1").first.inner_text().startswith(HEADINGS.get(name, name))
            frame.wait_for_load_state()
            if name in {"Overview", "Model", "Drift"}:
                frame.locator(".plot .main-svg").first.wait_for()
        assert seen.nothing()


def test_versions_are_compared(installation, signed_in):
    with signed_in("developer") as (page, seen):
        page.goto(f"{installation.url}/future-skills/registry/compare?one=v1&other=v1")
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("heading", name="v1 and v1").wait_for()
        assert "Both were measured on the same rows" in page.inner_text("main")
        assert "+0.000" in page.inner_text("main")
        assert seen.nothing()


def test_the_manager_finds_a_role_its_reasons_and_takes_them_away(installation, signed_in):
    with signed_in("drh.one") as (page, seen):
        frame = open_dashboard(page, installation)
        frame.get_by_role("link", name="Predictions").click()
        frame.get_by_label("Part of its name").fill("ANALYST")
        frame.get_by_label("Part of its name").press("Enter")
        frame.get_by_role("link", name=re.compile("Analyst")).first.click()
        frame.get_by_role("heading", name="Ranking").wait_for()
        scores = [float(text) for text in frame.locator("tbody td.own").all_inner_texts()]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 100
        with page.expect_download() as caught:
            frame.get_by_role("link", name="Download all (CSV)").click()
        rows = list(csv.DictReader(io.StringIO(Path(caught.value.path()).read_bytes().decode("utf-8-sig"))))
        role_id = int(re.search(r"/predictions/role/(\d+)", frame.url)[1])
        with closing(connect(installation.dsn)) as connection:
            query = "SELECT count(*) FROM future_skills_futureskillprediction WHERE job_role_id = %s"
            assert len(rows) == fetch_value(connection, query, (role_id,)) > 100
        assert [float(row["score"]) for row in rows[:100]] == pytest.approx(scores, abs=0.051)
        assert any(row["skill"].startswith("'=HYPERLINK(") for row in rows)
        frame.locator("tbody th a").first.click()
        frame.get_by_role("heading", name="Why").wait_for()
        assert re.search(r"High need \(score \d+ of 100\)", frame.locator("main").inner_text())
        assert seen.nothing()


def test_a_page_has_an_address_in_airflow_and_links_lead_out_of_the_frame(installation, signed_in):
    with signed_in("devops") as (page, seen):
        page.goto(f"{installation.url}/plugin/future-skills/future-skills/runs")
        frame = page.frame_locator("iframe[title='Future Skills']")
        frame.get_by_role("heading", name="Runs and alerts").wait_for()
        chain = frame.locator("section", has=frame.get_by_role("heading", name="Chains"))
        names = set(chain.locator("a[data-airflow]").all_inner_texts())
        assert names >= {"retraining", "promotion", "deployment", "prediction", "drift"}
        chain.get_by_role("link", name="drift").first.click()
        page.wait_for_url(re.compile(r"/dags/future_skills_drift/runs/"))
        page.get_by_text("future_skills_drift").first.wait_for()
        assert not seen.foreign


def test_light_and_dark_follow_airflow(installation, signed_in):
    with signed_in("developer", color_scheme="light") as (page, seen):
        frame = open_dashboard(page, installation)
        background = "document.body && getComputedStyle(document.body).backgroundColor"
        light = frame.evaluate(background)
        page.evaluate("localStorage.setItem('theme', 'dark')")
        frame.locator("html[data-theme=dark]").wait_for()
        assert frame.evaluate(background) != light
        page.evaluate("localStorage.setItem('theme', 'light')")
        frame.locator("html[data-theme=light]").wait_for()
        assert frame.evaluate(background) == light
        assert seen.nothing()


def test_the_drift_report_runs_in_a_frame_that_is_nobody(installation, signed_in):
    with signed_in("scientist") as (page, seen):
        page.goto(f"{installation.url}/future-skills/drift")
        page.locator("iframe.report").scroll_into_view_if_needed()
        page.frame_locator("iframe.report").get_by_text("Drift in column 'trend_score'").first.wait_for()
        report = next(one for one in page.frames if "/drift/reports/" in one.url)
        assert report.evaluate("window.origin") == "null"
        assert (
            report.evaluate("(() => { try { return document.cookie } catch (error) { return error.name } })()") == "SecurityError"
        )
        assert (
            report.evaluate("(() => { try { return parent.document.title } catch (error) { return error.name } })()")
            == "SecurityError"
        )
        assert report.evaluate("fetch('/future-skills/').then(() => 'read', () => 'refused')") == "refused"
        seen.console.clear()  # what the browser says of the last two lines
        seen.failed.clear()
        assert seen.nothing()


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_is_whole_in_light_in_dark_and_on_a_telephone(installation, signed_in, view):
    with signed_in("admin", **VIEWS[view]) as (page, seen):
        for name, path in PATHS.items():
            if name == "missing":
                continue
            page.goto(f"{installation.url}/future-skills{path}")
            settle(page)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= VIEWS[view]["viewport"]["width"], (name, width)
            assert page.evaluate(HIDDEN_CARDS) == 0, (name, "a table is wider than the screen")
        assert seen.nothing()


def test_hostile_names_are_only_text(installation, signed_in):
    with signed_in("admin") as (page, seen):
        for path in (
            "/predictions?q=script",
            "/predictions?q=HYPER",
            "/predictions/role/1",
            "/predictions/skill/1",
            "/predictions/pair/1/1",
            "/predictions/role/4",
            "/predictions/role/5",
        ):
            page.goto(f"{installation.url}/future-skills{path}")
            settle(page)
            assert page.evaluate("window.hacked") is None
            assert page.locator("img[src=x]").count() == 0
        page.goto(f"{installation.url}/future-skills/predictions/role/1")
        assert page.locator("h1").inner_text().startswith("<script>window.hacked")
        page.goto(f"{installation.url}/future-skills/predictions/role/2")
        assert page.locator("h1").inner_text() == "\"quoted\" & 'single' {{ 7 * 7 }}"
        assert seen.nothing()


def test_the_keyboard_reaches_everything(installation, signed_in):
    with signed_in("developer") as (page, seen):
        page.goto(f"{installation.url}/future-skills/model")
        settle(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.tagName + (document.activeElement.getAttribute('role') || '')"))
        assert reached >= {"SELECT", "BUTTON", "A", "SUMMARY", "DIVregion"}
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details[open] table").first.is_visible()
        assert seen.nothing()


@pytest.mark.parametrize("view", VIEWS)
def test_no_page_has_a_serious_barrier(installation, signed_in, axe, view):
    with signed_in("admin", **VIEWS[view]) as (page, _):
        found = []
        for name, path in PATHS.items():
            page.goto(f"{installation.url}/future-skills{path}")
            settle(page)
            page.evaluate(axe)
            result = page.evaluate("axe.run(document, {iframes: false})")
            assert len(result["passes"]) > 5, name
            found += [
                (name, one["id"], one["impact"], [node["html"][:150] for node in one["nodes"][:3]])
                for one in result["violations"]
                if one["impact"] in {"serious", "critical"}
            ]
        assert found == []


# The routes, asked by programs


def token_of(installation, user: str) -> dict[str, str]:
    """What signs a user's requests."""
    body = {"username": user, "password": installation.passwords[user]}
    answer = httpx.post(f"{installation.url}/auth/token", json=body, timeout=60)
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def walk():
    """Every path of the application."""
    from dashboard.app import create_app

    for route in create_app().routes:
        path = re.sub(r"{(\w+)(:path)?}", lambda found: "dashboard.css" if found[1] == "name" else "1", route.path)
        query = {"/model/card": "?version=v1", "/registry/compare": "?one=v1&other=v1"}.get(path, "")
        yield path + query


def test_every_route_is_closed_to_strangers(installation):
    paths = list(walk())
    assert len(paths) > 12
    for path in paths:
        assert httpx.get(f"{installation.url}/future-skills{path}").status_code == 401, path
        forged = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."}
        assert httpx.get(f"{installation.url}/future-skills{path}", headers=forged).status_code in {401, 403}, path
    for path in ("/docs", "/redoc", "/openapi.json", "/static/", "/../api/v2/dags"):
        assert httpx.get(f"{installation.url}/future-skills{path}").status_code in {401, 404}, path


@pytest.mark.parametrize("user", USERS)
def test_every_route_is_open_to_the_roles_of_the_matrix_alone(installation, user):
    signature = token_of(installation, user)
    for path in walk():
        drift, download = path.startswith("/drift"), path.startswith("/predictions/download")
        answer = httpx.get(f"{installation.url}/future-skills{path}", headers=signature, timeout=60)
        refused = (drift and user not in SEES_DRIFT) or (download and user not in DOWNLOADS)
        expected = 403 if refused else 404 if path == "/1" else 200
        assert answer.status_code == expected, (path, answer.status_code)


def test_a_role_of_airflow_itself_sees_nothing(installation):
    admin = token_of(installation, "admin")
    user = {
        "username": "stranger", "password": "stranger", "first_name": "A", "last_name": "B", "email": "stranger@example.com",
        "roles": [{"name": "Viewer"}],
    }  # fmt: skip
    made = httpx.post(f"{installation.url}/auth/fab/v1/users", json=user, headers=admin, timeout=60)
    assert made.status_code in {200, 201, 409}, made.text
    installation.passwords["stranger"] = "stranger"
    signature = token_of(installation, "stranger")
    for path in walk():
        assert httpx.get(f"{installation.url}/future-skills{path}", headers=signature, timeout=60).status_code == 403, path
