"""A real Chromium before a real Airflow that has run one whole chain."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import pytest

from future_skills.database import connect, execute
from support.running import Running, running

HOSTILE = (
    '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">',
    "\"quoted\" & 'single' {{ 7 * 7 }}",
    '=HYPERLINK("http://evil.example","click")',
    "\u202etfel ot thgir \u05e9\u05dc\u05d5\u05dd",
    "Verylongnamewithoutaspace" * 6,
)
AXE = "axe-core@4.14.1"


@pytest.fixture(scope="module")
def installation() -> Iterator[Running]:
    """Serving, with hostile names among its roles and skills."""
    with running() as served:
        with closing(connect(served.dsn)) as connection, connection:
            for table in ("future_skills_jobrole", "future_skills_skill"):
                for number, name in enumerate(HOSTILE, start=1):
                    execute(connection, f"UPDATE {table} SET name = %s WHERE id = %s", (name, number))
        yield served


@dataclass
class Seen:
    """What went wrong in a page while it was looked at."""

    origin: str
    console: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self, page) -> None:
        """Note every console error, exception, failed answer and request that leaves the machine."""
        page.on("console", lambda message: self.console.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("requestfailed", self._broke)
        page.on("response", lambda answer: self.failed.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
        page.on("request", self._asked)
        page.on("dialog", lambda dialog: self.console.append(f"dialog {dialog.message}"))

    def _broke(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # Airflow asks again and again; leaving its page breaks that off
            self.failed.append(f"{request.failure} {request.url}")

    def _asked(self, request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(request.url)

    def nothing(self) -> bool:
        """True, or an error that tells what there was."""
        assert (self.console, self.failed, self.foreign) == ([], [], [])
        return True


@pytest.fixture(scope="module")
def sessions(installation, chromium):
    """A browser's cookies for a user, once signed in through Airflow's form, which takes 5 sign-ins in 40 seconds at most."""

    @cache
    def session(user):
        context = chromium.new_context()
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{installation.url}/auth/login/")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", installation.passwords[user])
        page.click("input[type=submit]")
        page.wait_for_url(lambda url: "/auth/login" not in url)
        page.get_by_role("link", name="Future Skills").wait_for()
        state = context.storage_state()
        context.close()
        return state

    return session


@pytest.fixture
def signed_in(installation, chromium, sessions):
    """A page of a user who has signed in, and what goes wrong in it from then on."""

    @contextmanager
    def sign_in(user, **options):
        context = chromium.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, "storage_state": sessions(user), **options}
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        seen = Seen(installation.url)
        seen.watch(page)
        yield page, seen
        context.close()

    return sign_in


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    """The script of axe-core, fetched from the npm registry; skipped where that cannot be reached."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: axe-core cannot be fetched")
    done = subprocess.run([npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        pytest.skip(f"axe-core cannot be fetched from the npm registry: {done.stderr.strip()[-200:]}")
    shutil.unpack_archive(archives[0], folder, "gztar", filter="data")
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")
