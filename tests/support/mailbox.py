"""Mail servers on loopback: one that keeps what arrives, and the ways in which servers fail."""

import asyncio
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

LOOPBACK = "127.0.0.1"


class Inbox:
    """A mail server's handler that keeps what arrives: recipients and parsed message, in `mails`; refuses nobody@."""

    def __init__(self):
        self.mails, self.contents, self.connections, self.logins = [], [], 0, []
        self.port = 0

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.contents.append(envelope.content)
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


class Answering(Inbox):
    """Gives each of these answers once, to the step of that name (RCPT, DATA), before it takes mails."""

    def __init__(self, step, *answers):
        super().__init__()
        self.step, self.answers = step, list(answers)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.step == "RCPT" and self.answers:
            return self.answers.pop(0)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.step == "DATA" and self.answers:
            return self.answers.pop(0)
        return await super().handle_DATA(server, session, envelope)


class DyingAfterData(Inbox):
    """Takes a mail and dies before it says so, so many times."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if self.times > 0:
            self.times -= 1
            server.transport.abort()
        return answer


class Slow(Inbox):
    """Thinks about a mail for `seconds`, so many times, and then takes it."""

    def __init__(self, seconds, times):
        super().__init__()
        self.seconds, self.times = seconds, times

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.times > 0:
            self.times -= 1
            await asyncio.sleep(self.seconds)
        return await super().handle_DATA(server, session, envelope)


class HangingUpOn(Inbox):
    """Hangs up on every mail that contains these words."""

    def __init__(self, words):
        super().__init__()
        self.words = words

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.words in envelope.content:
            server.transport.abort()
            return "250 OK"
        return await super().handle_DATA(server, session, envelope)


class OnlyThisLogin:
    """An authenticator that knows one user, and notes who signed in over what."""

    def __init__(self, handler, user, password):
        self.handler, self.known = handler, (user.encode(), password.encode())

    def __call__(self, server, _session, _envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        passed = (data.login, data.password) == self.known
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.handler.logins.append((mechanism, encrypted, passed))
        return AuthResult(success=passed, handled=passed)  # a failure the server answers itself


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


@contextmanager
def serving(handler, **arguments) -> Iterator[Inbox]:
    """Run a mail server with this handler; `handler.port` says where."""
    handler.port = free_port()
    controller = Controller(handler, hostname=LOOPBACK, port=handler.port, **arguments)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


@contextmanager
def dripping(text=b"220 hello\r\n", pause=0.05) -> Iterator[int]:
    """A server that never ends its first line: one byte after each pause; yields its port."""
    listener = socket.create_server((LOOPBACK, 0))
    stopped = threading.Event()

    def drip():
        while not stopped.is_set():
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                try:
                    while not stopped.wait(pause):
                        line.sendall(b"2")
                except OSError:
                    continue

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for loopback that signs itself: the server's context, and the file by which a client knows it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    now = datetime.fromtimestamp(time.time(), UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "certificate.pem", folder / "key.pem"
    ca_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    return context, ca_file
