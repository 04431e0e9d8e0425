"""Put new rows into clusters that were found in few dimensions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .models import Arrays, Model, described, restored
from .neighbours import ROWS_KEPT, compact, drawn_rows, nearest_rows

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

NEAR = 15
INNER = "inner."  # goes before the names of the inner model's arrays


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """Place each new row among its nearest of the rows that were kept, and ask a model of the places.

    Its place is the mean of theirs, each weighted by its inverse squared distance (Shepard 1968).

    Args:
        rows: float16 or float32 (r, d), as `compact` gives them.
        places: float32 (r, dims), where the reduction put them.
        inner: Knows the clusters in those dimensions.
        near: How many of the nearest count.
    """

    kind: ClassVar[str] = "reduced"
    rows: NDArray[Any]
    places: FloatArray
    inner: Model
    near: int = NEAR

    @classmethod
    def of(cls, vectors: FloatArray, places: FloatArray, labels: IntArray, inner: Model, *, seed: int) -> Self:
        """Keep at most `ROWS_KEPT` of the rows, of every cluster some where there are no more clusters."""
        kept = drawn_rows(labels, ROWS_KEPT, seed=seed)
        return cls(compact(vectors[kept]), places[kept], inner)

    def predict(self, vectors: FloatArray) -> tuple[IntArray, FloatArray | None]:
        """Find the cluster of each row, float32 (m, d)."""
        return self.inner.predict(self.place(vectors))

    def place(self, vectors: FloatArray) -> FloatArray:
        """Find where rows, float32 (m, d), lie in the few dimensions, float32 (m, dims)."""
        near, distances = nearest_rows(self.rows, vectors, self.near)
        weights = 1 / np.maximum(distances, 1e-6).astype(np.float64) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("mk,mkd->md", weights, self.places[near]), dtype=np.float32)

    def arrays(self) -> Arrays:
        """Give the rows that were kept, their places and the inner model's arrays."""
        inner = {f"{INNER}{name}": array for name, array in self.inner.arrays().items()}
        return {"rows": self.rows, "places": self.places, **inner}

    def settings(self) -> Mapping[str, Any]:
        """Give how many count, and what the inner model is."""
        return {"near": self.near, "inner": described(self.inner)}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""
        inner = {name.removeprefix(INNER): array for name, array in arrays.items() if name.startswith(INNER)}
        return cls(arrays["rows"], arrays["places"], restored(settings["inner"], inner), settings["near"])
