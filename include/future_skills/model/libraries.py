"""The versions an artefact depends on."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("scikit-learn", "numpy", "pandas", "joblib")
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "xgboost": ("xgboost-cpu", "xgboost"),
    "lightgbm": ("lightgbm",),
    "keras": ("keras",),
}
"""Names under which an optional estimator's package may be installed."""


def library_versions() -> dict[str, str]:
    """Python, the LIBRARIES, and those of the EXTRAS that are installed."""
    versions = {"python": platform.python_version(), **{name: _installed(name) for name in LIBRARIES}}
    found = {extra: _first_installed(names) for extra, names in EXTRAS.items()}
    return {**versions, **{extra: number for extra, number in found.items() if number}}


def changed_library(estimator: str, libraries: Mapping[str, str], here: Mapping[str, str] | None = None) -> str | None:
    """What an artefact of `estimator` needs and was made with another version of, in words; None when it can be loaded.

    `here`: the versions to compare with; without them, those of this installation.
    """
    here = library_versions() if here is None else here
    for name in ("scikit-learn", estimator):
        if libraries.get(name) != here.get(name):
            return f"{name} {libraries.get(name, 'unknown')}, here {here.get(name, 'not installed')}"
    return None


def deployable_here(estimator: str, libraries: Mapping[str, str]) -> str:
    """May an artefact of `estimator` be deployed in this installation, as far as its libraries go: yes, or no and why."""
    changed = changed_library(estimator, libraries)
    return f"no, made with {changed}" if changed else "yes"


@cache
def _installed(name: str) -> str:
    """The version, looked up on disk once: a page asks for every model there is. Raises PackageNotFoundError."""
    return version(name)


@cache
def _first_installed(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return _installed(name)
        except PackageNotFoundError:
            continue
    return None
