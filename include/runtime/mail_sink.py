"""A mail server of the local run: accepts everything on loopback and keeps it as .eml files."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from runtime.environment import LOOPBACK


class _Keep:
    """Writes each message to a file; the name begins with the time, so that a folder lists them in order."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one message."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{next(self._numbers)}.eml"
        (self._folder / name).write_bytes(envelope.original_content or b"")
        return "250 kept"


@contextmanager
def mail_sink(folder: Path) -> Iterator[int]:
    """Run the server on a free port, which it yields."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    controller = Controller(_Keep(folder), hostname=LOOPBACK, port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
