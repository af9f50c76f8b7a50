"""A small disk that can be filled and freed: a tmpfs, which only root may mount."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = "filler"


class SmallDisk:
    """A disk of its own at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def fill(self, kilobytes_left: int = 0) -> None:
        """Leave only so much space."""
        self.free()
        free = os.statvfs(self.root)
        with (self.root / FILLER).open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - kilobytes_left * 1024)

    def free(self) -> None:
        """Give the space back."""
        (self.root / FILLER).unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount one; a test that nobody may mount for is skipped."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk that is filled")
    root = Path(tempfile.mkdtemp(prefix="future-skills-disk-"))
    root.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(root)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        root.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
        root.rmdir()
