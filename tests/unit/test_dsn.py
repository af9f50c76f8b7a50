"""A DSN is a secret: whatever is wrong with it, no error shows more of it than host, port and database."""

import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import traceback
from contextlib import closing, contextmanager
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.config import SQL_FOLDER
from future_skills.database import HRDatabaseDownError, connect
from future_skills.dsn import DsnError, read_dsn, without_secrets
from orchestration.hr_connections import SeveralServersError, hr_connection_json
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


def refused(command: str, **environment: str) -> str:
    """What a command of the runtime that ends with an error prints."""
    done = subprocess.run(
        [sys.executable, "-m", *f"runtime.{command}".split()],
        env={**os.environ, "PYTHONPATH": str(ROOT / "include"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "command, password",
    [
        ("hr check", f"{HEAD}@{TAIL}"),
        ("hr grants", f"{HEAD}?{TAIL}"),
        ("hr migrate", f"12?sslmode={TAIL}"),
        ("run --once", f"{HEAD}/{TAIL}"),
        ("registry page", f"{HEAD}@{TAIL}"),
    ],
)
def test_the_commands_tell_how_to_encode_it(command, password, tmp_path):
    output = refused(command, HR_DSN=uri(password), STATE_DIR=str(tmp_path))
    assert not [secret for secret in SECRETS if secret in output], output
    assert "HR_DSN cannot be read" in output
    assert "percent-encoded (@ is %40" in output
    assert not list(tmp_path.iterdir()), "no state folder is named after a piece of the password"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_an_encoded_password_is_read_as_it_was_meant(password):
    dsn = uri(quote(password, safe=""))
    assert read_dsn(dsn)["password"] == password
    assert read_dsn(make_dsn(host="h", password=password))["password"] == password


@given(
    st.text(st.sampled_from("@:/?#%[]&=,;+ '\"\\\\\t19aZé") | st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
def test_what_is_not_refused_is_read_as_it_was_meant(password):
    try:
        parts = read_dsn(uri(password))
    except DsnError:
        return
    shown = {name: parts.get(name) for name in ("host", "hostaddr", "port", "dbname")}
    assert shown == {"host": "127.0.0.1", "hostaddr": None, "port": "9", "dbname": "people"}


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


@pytest.mark.parametrize(
    "dsn",
    [
        f"host=127.0.0.1 port=9 user={USER} password={HEAD} host={TAIL}",
        f"host=127.0.0.1 dbname=people password={HEAD} dbname = {TAIL}",
        f"host=127.0.0.1 dbname='postgresql://{USER}:{HEAD}@{TAIL}@h/db'",
    ],
)
def test_a_keyword_string_that_may_be_read_in_two_ways_is_refused(dsn):
    for call in (read_dsn, connect, database_name, hr_connection_json):
        error = said(lambda call=call: call(dsn))
        assert "HR_DSN cannot be read" in error
        assert not [secret for secret in SECRETS if secret in error], error
    for password in ("a://b", "host=x", "x=host=y"):
        assert read_dsn(make_dsn(host="h", dbname="d", password=password))["password"] == password
    assert read_dsn("host=h password='host=x host=y \\' host=z'")["host"] == "h"


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


@contextmanager
def server_that_refuses(words: bytes):
    """The DSN of a server on loopback that answers everybody with these words, in whatever encoding they are."""
    answer = b"SFATAL\0VFATAL\0C28P01\0M" + words + b"\0\0"

    def refuse(listener: socket.socket) -> None:
        for _ in itertools.count():
            try:
                client, _address = listener.accept()
            except OSError:
                return
            with client:
                while (asked := client.recv(4096)) and len(asked) == 8:  # a question whether it speaks SSL or GSS
                    client.sendall(b"N")
                client.sendall(b"E" + struct.pack("!i", len(answer) + 4) + answer)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=refuse, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        yield make_dsn(host="127.0.0.1", port=port, user=USER, password=f"{HEAD}{TAIL}", dbname="people")
        listener.shutdown(socket.SHUT_RDWR)  # a thread that waits in accept() is woken by this alone


@pytest.mark.parametrize(
    "user",
    [f"{USER}  {TAIL}", f"{USER}\n{TAIL}", f" {USER}\t{TAIL} ", f'{USER}"{TAIL}', USER + 60 * "x", f"{USER}{40 * 'é'}{TAIL}"],
    ids=["two spaces", "a line's end", "spaces around", "a quotation mark", "longer than a name", "cut within a letter"],
)
def test_a_user_is_hidden_as_the_server_writes_it(hr_dsn, user):
    """The server cuts a name after 63 bytes, and a name may hold white space, which a message in one line has less of."""
    parts = parse_dsn(hr_dsn)
    with pytest.raises(HRDatabaseDownError, match=r'role "\.\.\.') as refused:
        connect(make_dsn(**{**parts, "user": user}))
    assert not [secret for secret in SECRETS if secret in str(refused.value)], str(refused.value)
    assert "é" not in str(refused.value)
    assert parts["host"] in str(refused.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_server_that_speaks_french_is_understood(encoding):
    words = f"authentification par mot de passe échouée pour l'utilisateur « {USER} »".encode(encoding)
    with server_that_refuses(words) as dsn, pytest.raises(HRDatabaseDownError) as refused:
        connect(dsn)
    error = "".join(traceback.format_exception(refused.value, limit=0))
    assert not [secret for secret in SECRETS if secret in error], error
    assert f'server at "127.0.0.1", port {parse_dsn(dsn)["port"]} failed' in error
    assert "authentification par mot de passe" in error


@pytest.mark.parametrize("setting", ["HR_DSN", "HR_DASHBOARD_DSN"])
def test_several_servers_are_refused_without_a_number_that_may_be_a_password(setting):
    for dsn in ("postgresql://u:p@h1:5432,h2:5433/db", "postgresql://u:5432,5433/db"):
        with pytest.raises(SeveralServersError, match=f"^{setting} names several servers: name the primary alone") as refused:
            hr_connection_json(dsn, setting)
        assert "543" not in str(refused.value)


@pytest.mark.parametrize(
    "command, wrong, reason",
    [
        ("run --once", uri(f"{HEAD}/{TAIL}"), "cannot be read"),
        ("prepare", f"{uri(HEAD)}&port=1,2", "several servers"),
    ],
)
def test_the_dsn_of_the_dashboard_is_read_before_anything_starts(command, wrong, reason, tmp_path):
    environment = {
        "HR_DSN": uri(quote(f"{HEAD}@{TAIL}", safe="")),
        "HR_DASHBOARD_DSN": wrong,
        "STATE_DIR": str(tmp_path / "state"),
        "STORE_URI": str(tmp_path / "store"),
        "SIGNING_KEYS": json.dumps({"k1": 32 * "01"}),
        "SIGNING_KEY_ID": "k1",
        "FUTURE_SKILLS_USERS": json.dumps([{"name": "admin", "role": "Admin", "password": "a long password"}]),
    }
    output = refused(command, **environment)
    assert "HR_DASHBOARD_DSN" in output
    assert reason in output
    assert not [secret for secret in SECRETS if secret in output], output
    assert not list(tmp_path.iterdir()), "nothing was made or started"


def test_a_connection_of_airflow_that_holds_the_rest_of_a_password_is_refused(monkeypatch):
    """Airflow reads a URI by rules of its own: behind a slash, the rest of a password and the host become the database."""
    from orchestration.connections import hr_dsn as dsn_of_connection

    monkeypatch.setenv("AIRFLOW_CONN_HR_DATABASE", f"postgres://{USER}:12/{TAIL}@127.0.0.1/people")
    error = said(dsn_of_connection)
    assert "The connection hr_database cannot be read" in error
    assert not [secret for secret in SECRETS if secret in error], error
    monkeypatch.setenv("AIRFLOW_CONN_HR_DATABASE", hr_connection_json(f"postgresql://{USER}:12%2F@127.0.0.1/peo%40ple"))
    assert parse_dsn(dsn_of_connection())["dbname"] == "peo@ple"
