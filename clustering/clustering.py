"""What k-means finds: a label for every row, and how the labels came about."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """A partition of rows around centroids.

    Args:
        labels: int64 (n,), from 0 to k - 1, every number in use.
        centroids: float32 (k, d), rows of length 1.
        inertia: Sum of squared distances of the rows to their centroids.
        seed: The seed that makes it again.
        device: "gpu" or "cpu", where it was computed.
    """

    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    inertia: float
    seed: int
    device: str

    def __post_init__(self) -> None:
        if len(np.unique(self.labels)) != self.k or (len(self.labels) and self.labels.max() != self.k - 1):
            raise ValueError(f"labels must use every number from 0 to {self.k - 1}")

    @property
    def k(self) -> int:
        """How many clusters there are."""
        return len(self.centroids)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many rows each cluster has, int64 (k,)."""
        return np.bincount(self.labels, minlength=self.k)
