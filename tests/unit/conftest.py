"""Mail servers that most tests of mails need."""

import pytest
from pydantic import SecretStr

from future_skills.config import MailSettings
from support.mailbox import LOOPBACK, Inbox, free_port, serving
from support.mails import ADDRESSES


@pytest.fixture
def inbox():
    """A mail server's memory; its port is `inbox.port`."""
    with serving(Inbox()) as handler:
        yield handler


@pytest.fixture
def server(inbox):
    """Settings that lead to `inbox`."""
    return MailSettings(host=LOOPBACK, port=inbox.port, timeout=5)


@pytest.fixture
def down():
    """Settings that lead to a port where nobody listens."""
    return MailSettings(host=LOOPBACK, port=free_port(), timeout=1, password=SecretStr("hunter2-secret"))


@pytest.fixture
def addressed(settings):
    """Settings of an installation where every role has addresses."""
    return settings.model_copy(update={"mail": ADDRESSES})
