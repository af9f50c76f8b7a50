"""A DSN is a secret: whatever is wrong with it, no error shows more of it than host, port and database."""

import os
import subprocess
import sys
import traceback
from contextlib import closing
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.config import SQL_FOLDER
from future_skills.database import HRDatabaseDownError, connect
from future_skills.dsn import DsnError, read_dsn, without_secrets
from orchestration.hr_connections import hr_connection_json
from runtime.options import database_name

ROOT = SQL_FOLDER.parents[1]
USER, HEAD, TAIL = "peoplereader", "s3crethead", "s3crettail"
SECRETS = (USER, HEAD, TAIL)
PASSWORDS = [
    f"{HEAD}{between}{TAIL}"
    for between in (
        *(
            "@",
            "/",
            "?",
            "#",
            "%",
            "%zz",
            ":",
            " ",
            "'",
            "[",
            "]",
            "@/",
            "/@",
            "?sslmode=",
            "@x?options=",
            "&",
            "=",
            "\\",
            ",",
            ";",
        ),
        *("@1:2/", "?host=", "@?application_name=", '"', "é"),
    )
]
NUMERIC = [f"12?sslmode={TAIL}", f"12/{TAIL}", f"5432?dbname={TAIL}", f"1@2?{TAIL}=3"]


def uri(password: str) -> str:
    return f"postgresql://{USER}:{password}@127.0.0.1:9/people?connect_timeout=1"


def said(call) -> str:
    """The error that a call ends with, and the ones that a log would show behind it; empty when it ends well."""
    try:
        call()
    except Exception as error:
        return "".join(traceback.format_exception(error, limit=0))
    return ""


@pytest.mark.parametrize("password", PASSWORDS + NUMERIC)
def test_a_password_that_is_not_encoded_is_shown_nowhere(password):
    dsn = uri(password)
    for call in (read_dsn, connect, hr_connection_json):
        error = said(lambda call=call: call(dsn))
        assert not [secret for secret in SECRETS if secret in error], error
    error = said(lambda: connect(dsn))
    assert "HR_DSN cannot be read" in error or "The HR database cannot be reached" in error
    try:
        name = database_name(dsn)
    except DsnError:
        return
    assert name == "people"  # libpq reads this one as it is meant


@pytest.mark.parametrize("password", [f"{HEAD}@{TAIL}", f"{HEAD}/{TAIL}", f"{HEAD}?{TAIL}", f"12?sslmode={TAIL}"])
@pytest.mark.parametrize("command", ["hr check", "hr grants", "hr migrate", "run --once", "registry page"])
def test_the_commands_tell_how_to_encode_it(password, command, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "HR_DSN": uri(password), "STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", *f"runtime.{command}".split()],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert not [secret for secret in SECRETS if secret in output], output
    assert "HR_DSN cannot be read" in output
    assert "percent-encoded (@ is %40" in output
    assert not list(tmp_path.iterdir()), "no state folder is named after a piece of the password"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_an_encoded_password_is_read_as_it_was_meant(password):
    dsn = uri(quote(password, safe=""))
    assert read_dsn(dsn)["password"] == password
    assert read_dsn(make_dsn(host="h", password=password))["password"] == password


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql:///people?host=/var/run/postgresql",
        "postgresql://postgres:@/people?host=/a/b",
        "postgres://reader@db.example:5433/people?sslmode=require",
        "postgresql://us%40er:p%2Fw%40@h1:5432,h2:5433/people",
        "postgresql://[::1]:5432/people",
        "host=/a/b port=5432 user=postgres dbname=people",
        "host=db user=reader password='it\\'s @ / here' dbname=people",
    ],
)
def test_what_libpq_takes_is_taken(dsn):
    assert read_dsn(dsn) == parse_dsn(dsn)
    assert database_name(dsn) == "people"


def test_the_setting_is_named():
    with pytest.raises(DsnError, match="HR_DASHBOARD_DSN cannot be read"):
        hr_connection_json(uri("a@b"), "HR_DASHBOARD_DSN")


def test_a_server_that_lets_nobody_in_is_named_without_the_user(hr_dsn):
    parts = parse_dsn(hr_dsn)
    absent = make_dsn(**{**parts, "user": USER, "password": f"{HEAD}{TAIL}"})
    with pytest.raises(HRDatabaseDownError) as refused:
        connect(absent)
    assert not [secret for secret in SECRETS if secret in str(refused.value)]
    assert parts["host"] in str(refused.value)
    elsewhere = make_dsn(**{**parts, "dbname": "no_such_database", "application_name": TAIL})
    with pytest.raises(HRDatabaseDownError, match='database "no_such_database" does not exist'):
        connect(elsewhere)


def test_files_and_options_are_hidden_and_the_reason_stays():
    dsn = f"postgresql://{USER}:{HEAD}@127.0.0.1:9/people?sslmode=verify-full&sslrootcert=/secret/{TAIL}.crt&options=-c%20x%3D{TAIL}"
    with pytest.raises(HRDatabaseDownError, match=r"127\.0\.0\.1.*port 9") as refused:
        connect(dsn)
    assert not [secret for secret in (*SECRETS, "/secret") if secret in str(refused.value)]


def test_a_value_is_hidden_as_a_word_and_never_inside_host_or_database():
    parts = {"host": "hr.example.com", "dbname": "hr_people", "user": "hr", "port": "5432", "password": "at"}
    text = 'connection to server at "hr.example.com", port 5432 failed: rôle « hr » et base « hr_people » : attente'
    expected = 'connection to server ... "hr.example.com", port 5432 failed: rôle « ... » et base « hr_people » : attente'
    assert without_secrets(text, parts) == expected
    assert without_secrets(text, {"host": "hr"}) == text


def test_a_dsn_that_is_right_connects(hr_dsn):
    with closing(connect(hr_dsn)) as connection:
        assert connection.info.dbname == parse_dsn(hr_dsn)["dbname"]
