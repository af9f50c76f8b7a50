"""Seconds, CPU seconds and memory of what a benchmark does."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Spent:
    """Wall and CPU seconds of this process (all its threads) between two moments."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Measure a block."""
    measured, wall, cpu = Spent(), time.perf_counter(), time.process_time()
    try:
        yield measured
    finally:
        measured.seconds, measured.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu


def peak_megabytes() -> float:
    """The largest resident set this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
