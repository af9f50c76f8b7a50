"""A conversation with the mail server, which ends within a known time, whatever the server does."""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from future_skills.alerts.mail import POLICY
from future_skills.config import MailSettings

PATIENCE = 3
"""Each answer may take `timeout`; opening the conversation, and each mail as a whole, as many times that."""
GREETING = 220
PERMANENT = 500
CLOSING = 421


@dataclass(frozen=True)
class Refusal:
    """Why a mail was not taken; a permanent one would be the same on every further try."""

    reason: str
    permanent: bool


class _Server(smtplib.SMTP):
    """A client that is not connected yet, so that even its first wait can be cut short."""

    def __init__(self, settings: MailSettings) -> None:
        super().__init__(local_hostname=socket.gethostname(), timeout=settings.timeout)
        self._host = settings.host  # what the certificate is checked against


class _ServerOverTls(smtplib.SMTP_SSL):
    """The same for a server that is not spoken to before everything is encrypted."""

    def __init__(self, settings: MailSettings) -> None:
        super().__init__(local_hostname=socket.gethostname(), timeout=settings.timeout, context=_trusted(settings))
        self._host = settings.host


def _trusted(settings: MailSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.ca_file)


@contextlib.contextmanager
def mail_server(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """An open, greeted and, where wanted, encrypted and logged in connection. Raises OSError when there is none to be had."""
    server = _ServerOverTls(settings) if settings.security == "tls" else _Server(settings)
    try:
        with _within(server, PATIENCE * settings.timeout):
            _open(server, settings)
        yield server
        with contextlib.suppress(OSError), _within(server, settings.timeout):
            server.quit()
    finally:
        server.close()


def _open(server: smtplib.SMTP, settings: MailSettings) -> None:
    try:
        code, greeting = server.connect(settings.host, settings.port)
        if code != GREETING:
            raise smtplib.SMTPConnectError(code, greeting)
        if settings.security == "starttls":
            server.starttls(context=_trusted(settings))
        if settings.user:
            server.login(settings.user, settings.password.get_secret_value() if settings.password else "")
    except ValueError as error:  # a host or a login that the protocol cannot spell
        raise OSError(f"MAIL__HOST, MAIL__USER or MAIL__PASSWORD cannot be used: {error}") from error


def deliver(server: smtplib.SMTP, settings: MailSettings, message: EmailMessage, recipient: str) -> Refusal | None:
    """Hand a message to the server; returns what speaks against this very mail, None when it was taken.

    Raises OSError when it is the server that is in trouble: whether it took the mail is then unknown.
    """
    try:
        with _within(server, PATIENCE * settings.timeout):
            _send(server, settings.sender, recipient, message)
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        return _refusal(code, answer, permanent=code >= PERMANENT)
    except smtplib.SMTPDataError as error:
        return _refusal(error.smtp_code, error.smtp_error, permanent=error.smtp_code >= PERMANENT)
    except smtplib.SMTPSenderRefused as error:  # a setting to be mended: the mail itself may go out then
        return _refusal(error.smtp_code, error.smtp_error, permanent=False)
    except (smtplib.SMTPNotSupportedError, ValueError) as error:
        return Refusal(f"{type(error).__name__}: {error}", permanent=True)
    return None


def _send(server: smtplib.SMTP, sender: str, recipient: str, message: EmailMessage) -> None:
    """As smtplib's send_message, which would put a > before lines that begin with "From "."""
    server.ehlo_or_helo_if_needed()
    unicode = not (sender.isascii() and recipient.isascii())
    if unicode and not server.has_extn("smtputf8"):
        raise smtplib.SMTPNotSupportedError("the address is not ASCII, and the mail server does not support SMTPUTF8")
    options = ("SMTPUTF8", "BODY=8BITMIME") if unicode else ()
    server.sendmail(sender, [recipient], message.as_bytes(policy=POLICY.clone(utf8=unicode)), options)


def _refusal(code: int, answer: bytes | str, *, permanent: bool) -> Refusal:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    if code == CLOSING:
        raise smtplib.SMTPServerDisconnected(f"{code} {text}")
    return Refusal(f"{code} {text}", permanent)


@contextlib.contextmanager
def _within(server: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut the line after `seconds`: a timeout of the socket alone begins anew with every byte that drips in."""
    finished, cut = threading.Event(), threading.Event()

    def watch() -> None:
        if finished.wait(seconds):
            return
        cut.set()
        while not finished.wait(0.1):  # while TLS is being agreed on, the socket is not ours to close
            line = server.sock
            if line is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(line, socket.SHUT_RDWR)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except OSError as error:
        if cut.is_set():
            raise TimeoutError(f"The mail server was not done after {seconds:g} seconds.") from error
        raise
    finally:
        finished.set()
        watcher.join()
