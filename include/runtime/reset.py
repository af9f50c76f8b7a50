"""`make reset`: removes the local state of a company."""

import shutil
import sys

from future_skills.config import Settings
from future_skills.domain import FutureSkillsError
from runtime.options import SETTINGS_ERRORS, RunOptions, in_words
from runtime.postgres import start_server
from runtime.processes import stop_left_over
from runtime.state import State


def main() -> int:
    """Remove the state folder, unless a run works with it."""
    try:
        options = RunOptions()
        state = options.state(Settings())
        if not state.root.exists():
            print(f"{state.root} does not exist: nothing to remove.")
            return 0
        with state.locked():
            stop_left_over(state)
            stop_left_over_server(state)
            shutil.rmtree(state.root)
    except (FutureSkillsError, *SETTINGS_ERRORS) as error:
        print(f"Error: {in_words(error)}", file=sys.stderr)
        return 1
    print(f"{state.root} is removed.")
    return 0


def stop_left_over_server(state: State) -> None:
    """Stop the embedded PostgreSQL that a killed run may have left."""
    if (state.postgres / "postmaster.pid").exists():
        start_server(state.postgres).stop()


if __name__ == "__main__":
    sys.exit(main())
