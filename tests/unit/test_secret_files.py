"""Secrets that come from files: what an operator who mounts them relies on."""

import pytest
from pydantic_settings import SettingsError

from future_skills.config import Settings
from orchestration.accounts import USERS, AccountError, accounts
from runtime.caller import Login


@pytest.fixture
def secret(tmp_path, monkeypatch):
    """Give a variable's value as a file."""

    def give(variable, content):
        path = tmp_path / variable
        path.write_text(content, encoding="utf-8")
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(f"{variable}_FILE", str(path))
        return path

    return give


def test_a_secret_may_be_a_file_with_a_line_end(secret):
    secret("HR_DSN", "postgresql://u:word@host/hr\n")
    settings = Settings()
    assert settings.hr_dsn.get_secret_value() == "postgresql://u:word@host/hr"
    assert not settings.embedded


def test_so_may_a_section_s_beside_its_variables_and_an_object(secret, monkeypatch):
    secret("MAIL__PASSWORD", "word\n")
    secret("SIGNING_KEYS", '{"k1": "0123456789abcdef0123456789abcdef"}\n')
    monkeypatch.setenv("MAIL__HOST", "mail.example.com")
    settings = Settings()
    assert (settings.mail.password.get_secret_value(), settings.mail.host) == ("word", "mail.example.com")
    assert set(settings.signing_keys) == {"k1"}


def test_an_empty_file_is_no_secret(secret):
    secret("MAIL__PASSWORD", "\n")
    assert Settings().mail.password is None


def test_a_file_that_is_not_there_is_named(secret):
    secret("HR_DSN", "x").unlink()
    with pytest.raises(SettingsError, match=r"HR_DSN_FILE: the secret cannot be read from .*No such file"):
        Settings()


def test_a_value_and_a_file_are_refused_together(secret, monkeypatch):
    secret("HR_DSN", "postgresql://u:hidden-word@host/hr")
    monkeypatch.setenv("HR_DSN", "postgresql://u:other-word@host/hr")
    with pytest.raises(SettingsError, match="both set") as refused:
        Settings()
    assert "word" not in str(refused.value)


def test_what_is_no_secret_is_no_file(secret):
    secret("STORE_URI", "elsewhere")
    assert Settings().store_uri == "var/store"


def test_a_login_may_come_from_a_file(secret):
    secret("AIRFLOW_PASSWORD", "word\n")
    assert Login().password.get_secret_value() == "word"


def test_accounts_may_come_from_a_file(secret):
    path = secret(USERS, '[{"name": "admin", "role": "Admin", "password": "word"}]')
    assert [account.name for account in accounts(USERS)] == ["admin"]
    path.unlink()
    with pytest.raises(AccountError, match=f"{USERS}_FILE"):
        accounts(USERS)
