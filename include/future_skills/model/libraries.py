"""The versions an artefact depends on."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

LIBRARIES = ("scikit-learn", "numpy", "pandas", "joblib")
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "xgboost": ("xgboost-cpu", "xgboost"),
    "lightgbm": ("lightgbm",),
    "keras": ("keras",),
}
"""Names under which an optional estimator's package may be installed."""


def library_versions() -> dict[str, str]:
    """Python, the LIBRARIES, and those of the EXTRAS that are installed."""
    versions = {"python": platform.python_version(), **{name: installed(name) for name in LIBRARIES}}
    found = {extra: _first_installed(names) for extra, names in EXTRAS.items()}
    return {**versions, **{extra: version for extra, version in found.items() if version}}


def changed_library(estimator: str, libraries: Mapping[str, str]) -> str | None:
    """What an artefact of `estimator` needs and was made with another version of, in words; None when it can be loaded."""
    here = library_versions()
    for name in ("scikit-learn", estimator):
        if libraries.get(name) != here.get(name):
            return f"{name} {libraries.get(name, 'unknown')}, here {here.get(name, 'not installed')}"
    return None


def _first_installed(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return installed(name)
        except PackageNotFoundError:
            continue
    return None
