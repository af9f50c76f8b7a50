"""What a fitted model does not need to predict, taken away before it is stored."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator


def finish(estimator: BaseEstimator) -> None:
    """Set a fitted estimator, and the estimators in it, to one thread and without random generators.

    Threads add up floats in an order of their own, which changes the last digits. Generators are only for fitting further,
    and a pickle that holds one cannot be read under numpy 1, which the HR application has.
    """
    for part in _parts(estimator):
        for name, value in vars(part).items():
            if isinstance(value, np.random.Generator | np.random.RandomState):
                setattr(part, name, None)
        if "n_jobs" in vars(part):
            part.n_jobs = 1


def _parts(value: Any) -> Iterator[Any]:
    """The estimator and those it holds: as attributes, in lists, in arrays."""
    if isinstance(value, BaseEstimator):
        yield value
        for attribute in list(vars(value).values()):
            yield from _parts(attribute)
    elif isinstance(value, dict):
        for element in value.values():
            yield from _parts(element)
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        for element in value.ravel() if isinstance(value, np.ndarray) else value:
            yield from _parts(element)
