"""Imports keras, with what it computes with decided before: an artefact may be loaded by a process that fitted nothing."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("NPROC", "1")  # the size of XLA's thread pool, which has no argument for it and is made only once
# keras writes its settings into the home of whoever imports it, unless it is given another folder
os.environ.setdefault("KERAS_HOME", str(Path(tempfile.gettempdir()) / f"keras-{os.getuid()}"))

import keras

__all__ = ["keras"]
