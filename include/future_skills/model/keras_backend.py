"""How keras computes, decided before it is imported for the first time in a process."""

import os
import tempfile
from pathlib import Path


def choose(threads: int) -> None:
    """Let keras compute with jax on the processor, with at most `threads` threads.

    Later calls change nothing once keras is imported: the first estimator of a process decides. What the environment sets
    already is respected.
    """
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("NPROC", str(threads))  # the size of XLA's thread pool; it has no argument for it
    # keras writes its settings into the home of whoever imports it, unless it is given another folder
    os.environ.setdefault("KERAS_HOME", str(Path(tempfile.gettempdir()) / f"keras-{os.getuid()}"))
