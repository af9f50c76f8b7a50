"""Receivers of metrics on loopback: a StatsD server, and an OpenTelemetry collector."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from future_skills.config import SQL_FOLDER
from support.mailbox import LOOPBACK

LONGEST_PACKET = 65_535
QUIET_LOOKS = 5


def documented_gauges() -> list[str]:
    """The product's gauges as docs/mlops.md names them, in the first cell of a row: `future_skills.a.b`, `.c` are a.b and a.c."""
    page = (SQL_FOLDER.parents[1] / "docs" / "mlops.md").read_text(encoding="utf-8")
    names = []
    for cell in re.findall(r"^\| (`future_skills\.[^|]*)\|", page, flags=re.MULTILINE):
        stage, *others = re.findall(r"`([^`]+)`", cell)
        stage = stage.removeprefix("future_skills.")
        names += [stage, *(stage.partition(".")[0] + other for other in others)]
    return names


class Received:
    """What arrived: the last value of each name, and the names of each kind (StatsD's g, ms and c; OpenTelemetry's own)."""

    def __init__(self) -> None:
        self.port, self.count = 0, 0
        self.values: dict[str, float] = {}
        self.kinds: dict[str, set[str]] = {}

    def note(self, name: str, value: float, kind: str) -> None:
        self.count += 1
        self.values[name] = value
        self.kinds.setdefault(kind, set()).add(name)

    def ours(self) -> dict[str, float]:
        """The product's own gauges, without the prefixes."""
        beginning = "airflow.future_skills."
        return {name.removeprefix(beginning): value for name, value in self.values.items() if name.startswith(beginning)}

    def settled(self) -> "Received":
        """Itself, once everything that was sent has been read."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            before = self.count
            time.sleep(0.05)
            quiet = quiet + 1 if self.count == before else 0
        return self

    @property
    def statsd(self) -> dict[str, str]:
        """The settings of docs/mlops.md that lead Airflow here by StatsD."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": LOOPBACK,
            "AIRFLOW__METRICS__STATSD_PORT": str(self.port),
        }

    @property
    def opentelemetry(self) -> dict[str, str]:
        """The settings of docs/mlops.md that lead Airflow here by OpenTelemetry."""
        return {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{self.port}"}


@contextmanager
def statsd_server() -> Iterator[Received]:
    """A StatsD server (UDP) until the end; `port` says where."""
    received = Received()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        server.bind((LOOPBACK, 0))
        received.port = server.getsockname()[1]
        reader = threading.Thread(target=_read_packets, args=(server, received), daemon=True)
        reader.start()
        yield received
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (LOOPBACK, received.port))
        reader.join(timeout=10)


def _read_packets(server: socket.socket, received: Received) -> None:
    while packet := server.recv(LONGEST_PACKET).decode():
        for line in packet.splitlines():
            name, _, rest = line.rpartition(":")
            value, kind = rest.split("|")[:2]
            received.note(name, float(value), kind)


@contextmanager
def otlp_collector() -> Iterator[Received]:
    """An OpenTelemetry collector (OTLP over HTTP) until the end; `port` says where."""
    received = Received()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/metrics", self.path
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _read_export(body, received)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: a run exports every few seconds."""

    with ThreadingHTTPServer((LOOPBACK, 0), Collector) as server:
        received.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield received
        server.shutdown()
        thread.join(timeout=10)


def _read_export(body: bytes, received: Received) -> None:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    received.note(metric.name, _value(point), kind)


def _value(point) -> float:
    """A number, or the sum of a histogram."""
    for name in ("as_double", "as_int", "sum"):
        if name in point.DESCRIPTOR.fields_by_name and point.HasField(name):
            return float(getattr(point, name))
    raise AssertionError(f"a point without a value: {point}")
