"""Folders that an earlier version opened to every user of the machine, and the command that closes them.

Started by root, it ran PostgreSQL as an account of its own, and gave everybody the right to read and enter every folder above
the state and above the checkout. This version changes nothing there, and cannot know which of them were private before.
"""

import os
import shlex
import stat
from pathlib import Path

from runtime.options import ROOT
from runtime.postgres_account import MAP
from runtime.state import State

EVERYBODY = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
OPEN_EVERYWHERE = {
    Path(name) for name in ("/usr/local", "/usr/share", "/usr/src", "/var/lib", "/var/local", "/var/opt", "/var/www")
}
"""Folders below the first level that a system has open: closing them would break it."""
MARK = "opened_folders"
"""A file of the state: the folders above it were opened, as far as we know; removed by whoever wants them open."""


def note_opened(data_folder: Path) -> None:
    """Remember that an earlier version, started by root, opened the folders above this data folder.

    Its data folders are another account's, and their pg_ident.conf is not ours. To be called before a server is started, which
    makes it ours.
    """
    if os.geteuid() != 0 or not (data_folder / "PG_VERSION").exists() or data_folder.stat().st_uid == 0:
        return
    identities = data_folder / "pg_ident.conf"
    if not identities.exists() or MAP not in identities.read_text(encoding="utf-8", errors="replace"):
        (data_folder.parent / MARK).touch()


def opened_in_words(state: State) -> str | None:
    """What to say about folders that are open still, with the command that closes them; None where there is nothing to say."""
    mark = state.root / MARK
    if not mark.exists():
        return None
    still_open = _open_above(state.root)
    if not still_open:
        mark.unlink()
        return None
    commands = "".join(f"\n  chmod go-rwx {shlex.quote(str(folder))}" for folder in still_open)
    return (
        "An earlier version, started by root, let every user of this machine read and enter these folders. Close those that were "
        f"private, and no other, with the line of each:{commands}\n"
        f"To leave them open, and hear no more of it: rm {shlex.quote(str(mark))}"
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
        and folder not in OPEN_EVERYWHERE
        and not folder.stat().st_mode & stat.S_ISVTX
    )
