"""A bounded number of rows to fit to, which weigh what all of them would."""

import numpy as np
import pandas as pd


def bounded_sample(rows: pd.DataFrame, maximum: int, random_state: int) -> pd.DataFrame:
    """At most `maximum` rows [future_need_level, population, weight, ...], in their order; all of them when there are no more.

    The levels of each population share the number evenly, and what a small one leaves is the others': the rare level, which is
    what the model is for, stays whole longest. The weights of a sampled group grow so that its total weight stays.
    """
    if len(rows) <= maximum:
        return rows
    groups = rows.groupby(["future_need_level", "population"], sort=True).ngroup().to_numpy()
    sizes = np.bincount(groups)
    kept = shares(sizes, maximum)
    random = np.random.default_rng(random_state)
    chosen = np.sort(
        np.concatenate([random.permutation(np.flatnonzero(groups == group))[:count] for group, count in enumerate(kept)])
    )
    sample = rows.iloc[chosen].reset_index(drop=True)
    return sample.assign(weight=sample["weight"].to_numpy() * (sizes / np.maximum(kept, 1))[groups[chosen]])


def shares(sizes: np.ndarray, maximum: int) -> np.ndarray:
    """How many rows of each group: an equal part of `maximum` each; what a smaller group leaves is the others'."""
    kept, left = np.zeros(len(sizes), dtype=int), maximum
    order = np.argsort(sizes, kind="stable")
    for place, group in enumerate(order):
        kept[group] = min(sizes[group], left // (len(order) - place))
        left -= kept[group]
    return kept
