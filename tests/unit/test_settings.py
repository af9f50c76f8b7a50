"""What somebody who sets an environment variable relies on."""

import traceback

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from future_skills.config import Settings
from runtime.options import in_words


def test_nothing_is_automatic_by_default(monkeypatch):
    for name in ("APPROVAL", "DEPLOY", "FIRST_PUBLISH", "HR_DSN"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings()
    assert (settings.approval, settings.deploy, settings.first_publish) == ("required", "manual", "no")
    assert settings.embedded


def test_features_with_an_encoding_of_their_own_refuse_another_at_the_start(monkeypatch):
    monkeypatch.setenv("TRAINING__FEATURE_SET", "extended")
    assert Settings().training.feature_set == "extended"
    monkeypatch.setenv("TRAINING__PREPROCESSING", "onehot")
    with pytest.raises(ValidationError, match="preprocessing onehot is for core"):
        Settings()


def test_a_companys_own_database_is_no_place_for_automatic_approvals(monkeypatch):
    monkeypatch.setenv("APPROVAL", "auto")
    assert Settings().approval == "auto"
    monkeypatch.setenv("HR_DSN", "postgresql://u:secret-word@host/hr")
    with pytest.raises(ValidationError, match="APPROVAL=auto is for the embedded database alone") as refused:
        Settings()
    told = in_words(refused.value)
    assert told.startswith("APPROVAL=auto is for the embedded database alone: with HR_DSN ")
    assert "secret-word" not in told
    monkeypatch.setenv("APPROVAL", "required")
    assert not Settings().embedded


def test_the_environment_sets_nested_sections(monkeypatch):
    monkeypatch.setenv("GATE__MINIMUM_ROLES", "12")
    monkeypatch.setenv("TRAINING__PARAMETERS", '{"n_estimators": 50}')
    monkeypatch.setenv("MAIL__DRH_MANAGERS", '["drh@example.com"]')
    monkeypatch.setenv("FUTURE_SKILLS_LANGUAGE", "fr")
    settings = Settings()
    assert settings.gate.minimum_roles == 12
    assert settings.training.parameters == {"n_estimators": 50}
    assert settings.mail.drh_managers == ["drh@example.com"]
    assert settings.future_skills_language == "fr"


@pytest.mark.parametrize(
    "name, value",
    [
        ("PAIR_SCOPE", "some"),
        ("DRIFT__APPLICATION_LOG_TIME_ZONE", "Paris"),
        ("HORIZON_YEARS", "0"),
        ("DATASET__QUARANTINE_BUDGET", "1.5"),
        ("MAIL__SENDER", "a@b\nBcc: c@d"),
        ("APPROVAL", "maybe"),
        ("PREDICTION__SHARDS", "64"),
        ("MAIL__SECURITY", "ssl"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.rsplit("__", maxsplit=1)[-1].lower()):
        Settings()


def test_who_asked_for_encryption_by_its_older_name_is_told_and_not_served_in_the_open(monkeypatch):
    monkeypatch.setenv("MAIL__STARTTLS", "true")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "MAIL__STARTTLS is called MAIL__SECURITY now" in in_words(refused.value)


def test_secrets_are_never_shown(monkeypatch):
    monkeypatch.setenv("SIGNING_KEYS", '{"k1": "a-very-secret-key-of-32-characters"}')
    monkeypatch.setenv("HR_DSN", "postgresql://u:secret-word@host/hr")
    assert "secret" not in repr(Settings()).replace("SecretStr", "").replace("secret_", "")


@pytest.mark.parametrize(
    "environment",
    [
        {"MAIL__STARTTLS": "true", "MAIL__PASSWORD": "hunter2-secret"},
        {"APPROVAL": "auto", "HR_DSN": "host=hr password=hunter2-secret"},
        {"SIGNING_KEYS": '{"k": "hunter2-secret"', "MAIL__PORT": "many"},
    ],
)
def test_a_refusal_shows_no_secret(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((ValueError, SettingsError)) as refusal:
        Settings()
    shown = "".join(traceback.format_exception(refusal.value))
    assert "hunter2" not in shown
