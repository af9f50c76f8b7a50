"""`make soak`: the same weeks undisturbed and with random kills; prints the seed, and every difference between the ends."""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from itertools import chain
from pathlib import Path

from runtime.state import State
from soak.course import Course
from soak.ending import Ending, differences, ending_of
from soak.installation import installed, of_state
from soak.killing import Kill, draw
from support.mailbox import free_port


def weeks_on_end(state: State, port: int, weeks: int, kills: list[list[Kill]]) -> Ending:
    """Run the weeks on an installation of their own, and look at how it ended, also once it is stopped."""
    begin = time.monotonic()
    with installed(state, port) as installation:
        course = Course(installation, weeks)
        try:
            course.run(kills)
            ending = ending_of(installation)
        except BaseException:
            print(f"  state: {installation.state.root}; restarts: {dict(installation.restarts)}", flush=True)
            raise
        print(f"  tries and runs beyond the usual: {dict(sorted(course.tries().items()))}")
        print(f"  started again: {dict(installation.restarts)}; mails: {ending.mails.total()}, {ending.repeated} of them twice")
    ending.left.extend(f"a process is left: {found}" for found in of_state(state))
    print(f"  {(time.monotonic() - begin) / 60:.1f} minutes", flush=True)
    return ending


def main() -> int:
    """0 when nothing differs and nothing is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="leave the two state folders")
    arguments = parser.parse_args()
    seed = random.randrange(10_000) if arguments.seed is None else arguments.seed
    print(f"SEED={seed} WEEKS={arguments.weeks}", flush=True)
    kills = draw(seed, arguments.weeks)
    folder, port = Path(tempfile.mkdtemp(prefix="future-skills-soak-")), free_port()
    state = State(folder / "demo")  # of both, one after the other: the rows name paths and addresses
    try:
        print("undisturbed:", flush=True)
        undisturbed = weeks_on_end(state, port, arguments.weeks, [[] for _ in kills])
        state.root.rename(folder / "undisturbed")
        print("disturbed:", flush=True)
        disturbed = weeks_on_end(state, port, arguments.weeks, kills)
    finally:
        if arguments.keep:
            print(f"state folders: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    done = Counter(kill.victim for kill in chain(*kills) if kill.outcome)
    print(f"killed: {dict(done)}; too late for: {[(kill.victim, kill.at) for kill in chain(*kills) if not kill.outcome]}")
    found = [f"undisturbed: {line}" for line in undisturbed.left] + differences(undisturbed, disturbed)
    print(f"differences: {len(found)} (SEED={seed})")
    for line in found:
        print(f"  {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
