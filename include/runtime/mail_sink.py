"""A mail server for trials: accepts everything and keeps it as .eml files. The local run has it on loopback.

`python -m runtime.mail_sink FOLDER PORT` serves every network of its container until it is asked to stop.
"""

import argparse
import itertools
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from runtime.environment import LOOPBACK

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a container's own networks; nothing of it is published
STOPPING = {signal.SIGTERM, signal.SIGINT}


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
def mail_sink(folder: Path, host: str = LOOPBACK, port: int | None = None) -> Iterator[int]:
    """Run the server on `port`, or on a free one; yields it."""
    if port is None:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
    controller = Controller(_Keep(folder), hostname=host, port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # before the server's thread starts, so that only this one is told
    with mail_sink(arguments.folder, EVERYWHERE, arguments.port):
        signal.sigwait(STOPPING)


if __name__ == "__main__":
    main()
