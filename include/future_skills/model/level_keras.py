"""A small dense network as a classifier of levels; importable only where keras and a backend of it are installed."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from future_skills.model.keras_backend import keras


def dense_network(X: np.ndarray, y: np.ndarray, *, hidden: list[int], learning_rate: float, dropout: float) -> keras.Model:
    """A compiled network from the columns of X to the one-hot columns of y, with `hidden` layers of those widths."""
    layers: list[keras.layers.Layer] = [keras.layers.Input((X.shape[1],))]
    for width in hidden:
        layers += [keras.layers.Dense(width, activation="relu"), keras.layers.Dropout(dropout)]
    model = keras.Sequential([*layers, keras.layers.Dense(y.shape[1], activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(learning_rate))
    return model


class LevelNetwork(keras.wrappers.SKLearnClassifier):  # type: ignore[misc]
    """Keras's own scikit-learn wrapper around `dense_network`, with hyperparameters by name, a seed and probabilities."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden": [list, tuple],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        hidden: list[int] | tuple[int, ...] = (32,),
        epochs: int = 30,
        batch_size: int = 128,
        learning_rate: float = 0.003,
        dropout: float = 0.1,
        random_state: int = 0,
    ) -> None:
        super().__init__(model=dense_network)
        self.hidden, self.epochs, self.batch_size = hidden, epochs, batch_size
        self.learning_rate, self.dropout, self.random_state = learning_rate, dropout, random_state

    def __sklearn_clone__(self) -> "LevelNetwork":
        return type(self)(**self.get_params())

    def fit(self, X: np.ndarray, y: np.ndarray, *, sample_weight: np.ndarray | None = None) -> "LevelNetwork":
        """Fit to dense X (n, columns), levels (n,) and weights (n,). Raises ValueError for layers without a width."""
        if not all(isinstance(width, int) and width > 0 for width in self.hidden):
            raise ValueError(f"hidden has to be widths of layers, not {self.hidden!r}.")
        keras.utils.set_random_seed(self.random_state)  # weights, dropout and the order of rows have no seed of their own
        self.model_kwargs = {"hidden": list(self.hidden), "learning_rate": self.learning_rate, "dropout": self.dropout}
        self.fit_kwargs: dict[str, Any] | None = {"epochs": self.epochs, "batch_size": self.batch_size, "verbose": 0}
        super().fit(X, y, sample_weight=sample_weight)
        del self.history_  # the wrapper keeps the training rows' weights here and there; an artefact has no need of them
        self.fit_kwargs = None
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities of `classes_`, shape (n, classes)."""
        raw = np.asarray(self.model_.predict(np.asarray(X), batch_size=4096, verbose=0), dtype=float)
        probabilities: np.ndarray = raw / raw.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The most probable levels, shape (n,)."""
        found: np.ndarray = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return found
