"""Folders that an earlier version opened to every user of the machine, and the command that closes them.

Started by root, it ran PostgreSQL as an account of its own, and gave everybody the right to read and enter every folder above
the state and above the checkout. This version changes nothing there, and cannot know which of them were private before.
"""

import os
import shlex
import stat
from pathlib import Path

from runtime.options import ROOT
from runtime.state import State

EVERYBODY = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
MARK = "opened_folders"
"""A file of the state: the folders above it were opened, as far as we know; removed by whoever wants them open."""


def note_opened(state: State) -> None:
    """Remember that an earlier version opened the folders above this state, which its data folder of another user tells.

    To be called before the server is started: from then on the data folder is this user's.
    """
    if os.geteuid() == 0 and state.postgres.exists() and state.postgres.stat().st_uid != 0:
        (state.root / MARK).touch()


def opened_in_words(state: State) -> str | None:
    """What to say about folders that are open still, with the command that closes them; None where there is nothing to say."""
    mark = state.root / MARK
    if not mark.exists():
        return None
    still_open = _open_above(state.root)
    if not still_open:
        mark.unlink()
        return None
    names = " ".join(shlex.quote(str(folder)) for folder in still_open)
    return (
        "An earlier version, started by root, let every user of this machine read and enter these folders. Close those that were "
        f"private:\n  chmod go-rwx {names}\nTo leave them open, and hear no more of it: rm {shlex.quote(str(mark))}"
    )


def _open_above(root: Path) -> list[Path]:
    """The folders above the state and the checkout that everybody may read and enter, the outermost first.

    The first level of the file system (/home, /opt, /tmp) is open on every machine, but for the home folder of root.
    """
    above = {*root.parents, ROOT, *ROOT.parents}
    home = Path.home()
    return sorted(
        folder
        for folder in above
        if (len(folder.parts) > len(("/", "first level")) or folder == home)
        and folder.stat().st_mode & EVERYBODY == EVERYBODY
        and not folder.stat().st_mode & stat.S_ISVTX
    )
