"""Nothing of the dashboard is open: every route asks for a login and a permission, and every answer carries its policy."""

import re
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest

import support.airflow_home  # noqa: F401 - before Airflow is imported

PARAMETERS = {"name": "dashboard.css", "path": "no/such/page"}
MEMBERS = ("DataScientist", "DRHManager", "DevOps", "Developer", "Admin")
DRIFT = {"DataScientist", "DevOps", "Admin"}
DOWNLOAD = {"DataScientist", "DRHManager", "Admin"}
DRIFT_PATHS = {"/drift", "/drift/reports/1"}
DOWNLOAD_PATHS = {"/predictions/download"}


@pytest.fixture
def visit(hr_dsn, settings):
    """A client of a role, on an empty ledger."""
    from support.dashboard import client

    @contextmanager
    def open_as(role, dsn=hr_dsn):
        with client(role, dsn, settings) as browser:
            yield browser

    return open_as


def routes():
    """Every route with a path that reaches it, and the calls its dependencies make."""
    from dashboard.app import create_app

    def calls(dependant):
        yield dependant.call
        for one in dependant.dependencies:
            yield from calls(one)

    for route in create_app().routes:
        yield (
            route,
            re.sub(r"{(\w+)(:path)?}", lambda found: PARAMETERS.get(found[1], "1"), route.path),
            set(calls(route.dependant)),
        )


class Scripts(HTMLParser):
    """What a strict policy forbids in a page."""

    def __init__(self):
        super().__init__()
        self.forbidden = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.forbidden.append((tag, given))
        self.forbidden += [(tag, name) for name in given if name == "style" or name.startswith("on")]
        self.forbidden += [(tag, value) for value in given.values() if (value or "").strip().lower().startswith("javascript:")]


def forbidden_in(page: str) -> list:
    parser = Scripts()
    parser.feed(page)
    return parser.forbidden


def test_there_is_no_route_that_the_walk_cannot_see():
    from starlette.routing import Mount

    from dashboard.access import require_reader

    walked = list(routes())
    assert len(walked) > 12
    for route, path, calls in walked:
        assert not isinstance(route, Mount), path
        assert require_reader in calls, path
        assert route.methods == {"GET"} or route.path == "/{path:path}", path


def test_nobody_sees_anything_without_signing_in(visit):
    with visit(None) as browser:
        for _, path, _ in routes():
            answer = browser.get(path)
            assert answer.status_code == 401, path
            assert "Please sign in" in answer.text
            assert "Registry" not in answer.text
        assert browser.post("/model").status_code == 401
        assert browser.delete("/").status_code == 401
        assert browser.get("/docs").status_code == browser.get("/openapi.json").status_code == 401


def test_a_role_without_the_permission_sees_nothing(visit):
    with visit("Viewer") as browser:
        for _, path, _ in routes():
            answer = browser.get(path)
            assert answer.status_code == 403, path
            assert "lacks the permission to read Future Skills:" in answer.text


@pytest.mark.parametrize("role", MEMBERS)
def test_each_role_sees_its_part(visit, role):
    asked = set()
    with visit(role) as browser:
        for _, path, _ in routes():
            asked.add(path)
            refused = (path in DRIFT_PATHS and role not in DRIFT) or (path in DOWNLOAD_PATHS and role not in DOWNLOAD)
            answer = browser.get(path)
            assert (answer.status_code == 403) == refused, (path, answer.status_code)
        assert asked > DRIFT_PATHS | DOWNLOAD_PATHS
        page = browser.get("/").text
        assert ('href="/future-skills/drift"' in page) == (role in DRIFT)


def test_an_auth_manager_in_trouble_lets_nobody_in(visit, monkeypatch):
    with visit("Admin") as browser:
        from support.dashboard import AuthManager

        def broken(*_, **__):
            raise RuntimeError("no answer")

        monkeypatch.setattr(AuthManager, "is_authorized_custom_view", broken)
        answer = browser.get("/")
        assert answer.status_code == 500
        assert "no answer" not in answer.text
        assert "Registry" not in answer.text


def test_every_answer_has_the_strict_policy_and_is_not_kept(visit):
    with visit("Admin") as browser, visit(None) as stranger, visit("Admin", dsn="host=/nowhere dbname=hr") as broken:
        for one in (browser, stranger, broken):
            for _, path, _ in routes():
                answer = one.get(path)
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'; "), path
                assert "unsafe" not in policy, path
                assert "script-src 'self';" in policy
                assert "frame-ancestors 'self'" in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "same-origin"
                if not path.startswith("/static/"):
                    assert answer.headers["cache-control"] == "no-store", path
                    assert forbidden_in(answer.text) == [], path


def test_the_walk_would_see_inline_script_and_style():
    assert forbidden_in("<script>1</script>") != []
    assert forbidden_in('<p style="color:red">') != []
    assert forbidden_in('<p onclick="x()">') != []
    assert forbidden_in('<a href=" javascript:x()">') != []


def test_the_files_of_a_page_may_be_kept_because_their_address_names_their_content(visit):
    with visit("Developer") as browser:
        page = browser.get("/model").text
        addresses = re.findall(r'(?:href|src)="/future-skills(/static/[^"]+)"', page)
        assert len(addresses) >= 3
        for address in addresses:
            answer = browser.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
            assert re.search(r"\?v=[0-9a-f]{12}$", address)
        assert browser.get("/static/..%2fapp.py").status_code == 404
        assert browser.get("/static/app.py").status_code == 404
