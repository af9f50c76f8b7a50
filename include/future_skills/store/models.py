"""The only place that pickles and unpickles: models are signed when saved and verified before they are loaded."""

import io
import pickle
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import joblib
from sklearn.exceptions import InconsistentVersionWarning

from future_skills.domain import MissingExtraError
from future_skills.store.artifacts import Store
from future_skills.store.signing import Artifact, SigningKeys, UntrustedArtifactError, sign, verify

COMPRESSION = 3
PROTOCOL = 4
"""joblib reads these files, but would write arrays of objects with protocol 5, which under numpy 2 names parts of numpy that
numpy 1, the HR application's, does not have."""


@dataclass(frozen=True)
class Packed:
    """A model as it is stored, pickled and compressed: a forest takes some hundredths of its memory."""

    content: bytes


def pack(model: object) -> Packed:
    """Pickle and compress a model."""
    return Packed(zlib.compress(pickle.dumps(model, protocol=PROTOCOL), COMPRESSION))


def save_model(store: Store, name: str, model: object, keys: SigningKeys) -> Artifact:
    """Store `model` (packed or not) as `name` and sign it. Raises ArtifactExistsError when the name is another model's."""
    content = (model if isinstance(model, Packed) else pack(model)).content
    return sign(store.write(name, content), content, keys)


def load_model(store: Store, artifact: Artifact, keys: SigningKeys) -> Any:
    """Load a model after its digest, its signature and its scikit-learn version were checked, on the very bytes that are loaded.

    Raises UntrustedArtifactError, ArtifactMissingError or ForeignArtifactError, and then has unpickled nothing
    (the scikit-learn version alone is known only while loading), or MissingExtraError.
    """
    content = store.read(artifact.uri)
    verify(artifact, content, keys)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return joblib.load(io.BytesIO(content))
        except InconsistentVersionWarning as warning:
            raise UntrustedArtifactError(
                f"{artifact.uri} was made by another scikit-learn ({warning.original_sklearn_version}, here "
                f"{warning.current_sklearn_version}): train a version with this one."
            ) from warning
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"{artifact.uri} was made with a package that is not installed here ({error.name}): run `make extras`, or "
                "`make extras-keras` for a network."
            ) from error
