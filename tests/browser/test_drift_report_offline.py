"""The drift report opened in a real browser that reaches no network: it must show everything, and ask for nothing."""

import json
import subprocess

import pytest

from support.browser import CHROMIUM
from support.drift import Weeks, sample_frame

QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --disable-default-apps --disable-extensions --disable-domain-reliability --mute-audio"
).split()
NO_PAGE = "not an origin"
"""The initiator of what the browser asks for on its own account."""
LOCAL = ("file:", "data:", "blob:", "chrome:", "chrome-extension:", "about:")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


def opened(page, tmp_path):
    """The page as it is after its scripts ran, and every address it asked for that is not on this machine."""
    log = tmp_path / f"{page.stem}.netlog.json"
    command = [
        *(CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}"),
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--log-net-log={log}",
        "--virtual-time-budget=30000",
        *("--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    network = json.loads(log.read_text())
    started = network["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = [event["params"] for event in network["events"] if event["type"] == started and "url" in event["params"]]
    by_page = [request["url"] for request in asked if request["initiator"] != NO_PAGE]
    return done.stdout, [url for url in by_page if not url.startswith(LOCAL)]


def test_a_report_shows_everything_and_asks_for_nothing(hr, store, settings, tmp_path):
    weeks = Weeks(hr, store, settings)
    weeks.batch(16, sample_frame(), decided=["HIGH", "LOW"] * 50)
    moved = sample_frame().assign(level="HIGH", hiring_difficulty=0.5)
    report = weeks.report(weeks.batch(23, moved, decided=["HIGH", "LOW"] * 50))
    page = tmp_path / "drift.html"
    page.write_bytes(store.read(report.html_uri))
    shown, asked = opened(page, tmp_path)
    assert asked == []
    for text in ("Data alarm", "one value is left where there were many", "trend_score", "js-plotly-plot"):
        assert text in shown, f"{text} is not on the page"
    assert shown.count("trend_score") > page.read_text().count("trend_score"), "its scripts have drawn the columns"


def test_a_page_that_asks_for_something_is_noticed(tmp_path):
    page = tmp_path / "asking.html"
    page.write_text('<body>text<img src="http://pictures.example/a.png"></body>')
    assert opened(page, tmp_path)[1] == ["http://pictures.example/a.png"]
