"""`make resign`: every artefact signed with the active key, so that an older key can be withdrawn."""

import sys

from future_skills.config import Settings
from future_skills.registry.resigning import resign
from future_skills.store.ownership import require_own_store
from future_skills.store.signing import SigningKeys
from runtime.options import RunOptions, ended_in_words
from runtime.registry import ledger


def run(options: RunOptions, settings: Settings) -> int:
    """Sign, print what was done; returns 1 when something could not be signed.

    Raises what `ledger`, `require_own_store` and SigningKeys raise.
    """
    keys = SigningKeys.of(settings)
    with ledger(options, settings, readonly=False) as connection:
        store = options.store(settings)
        require_own_store(connection, store)
        done = resign(connection, store, keys, print)
    print(f"{done.signed} artefacts signed with {keys.active!r}, {done.unchanged} had that key already.")
    if done.gone:
        print(f"{done.gone} are no longer in the store. Restored from a backup, they need their old key, or to be signed then.")
    for reason in done.refused:
        print(f"Not signed: {reason}", file=sys.stderr)
    if done.refused:
        print(
            f"{len(done.refused)} artefacts keep their old signature: keep its key, or leave these versions behind.",
            file=sys.stderr,
        )
        return 1
    withdrawn = ", ".join(repr(key) for key in keys.keys if key != keys.active)
    print(f"Nothing needs another key: {withdrawn or 'no other'} can be taken out of SIGNING_KEYS.")
    return 0


def main() -> int:
    """Run the command; an error is one sentence."""
    return ended_in_words(lambda: run(RunOptions(), Settings()))


if __name__ == "__main__":
    sys.exit(main())
