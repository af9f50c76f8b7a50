"""`make reset`: removes the local state of a company."""

import os
import shutil
import sys

from future_skills.config import Settings
from runtime.options import RunOptions, ended_in_words
from runtime.postgres_server import stop_server
from runtime.processes import stop_left_over
from runtime.state import State


def main() -> int:
    """Run the command; an error is one sentence."""
    return ended_in_words(lambda: reset(RunOptions(), Settings()))


def reset(options: RunOptions, settings: Settings) -> int:
    """Remove the state folder. Raises StateBusyError while a run works with it."""
    state = options.state(settings)
    if not state.root.exists():
        print(f"{state.root} does not exist: nothing to remove.")
        return 0
    with state.locked():
        stop_left_over(state)
        stop_server(state.postgres)  # a killed run may have left it
        left = what_is_left(state, embedded=settings.embedded)
        shutil.rmtree(state.root)
    print(f"{state.root} is removed.{left}")
    return 0


def what_is_left(state: State, *, embedded: bool) -> str:
    """What stands between the next run and a new start, and what to do about it; to be asked before the state is removed.

    An existing HR database is the DBA's, with its record of who approved what: nothing is deleted there.
    """
    uri = os.environ.get("STORE_URI")
    if embedded and uri:
        return (
            f"\nThe artefact store {uri} is kept. The next run has a new ledger, which refuses a store with datasets or models: "
            "move all folders out of it, or set another STORE_URI."
        )
    if not embedded and not uri and state.store.exists():
        return (
            "\nThe ledger in the HR database is kept, and works with no other store than the one just removed. To start anew, "
            "let the DBA run DROP SCHEMA future_skills_ops CASCADE and then what `make hr-grants` prints: versions, approvals "
            "and deployments are forgotten, published predictions stay. To keep that ledger, "
            f"restore a backup of the store as {state.store}."
        )
    return ""


if __name__ == "__main__":
    sys.exit(main())
