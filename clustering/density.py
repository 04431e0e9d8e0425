"""Put new rows into the clusters of HDBSCAN: where they would fall off the tree of densities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .clustering import NOISE
from .models import Arrays
from .neighbours import BLOCK, ROWS_KEPT, compact, drawn_rows, nearest_rows

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

DENSEST = 1e37  # where rows coincide


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """Give each new row the cluster of its nearest neighbour by mutual reachability, while that cluster is dense.

    It is `hdbscan.approximate_predict` (Campello, Moulavi and Sander 2013; McInnes, Healy and Astels 2017) without the
    tree: of that only the density matters at which the neighbour's cluster begins.

    Args:
        rows: float16 or float32 (r, d), as `compact` gives them.
        labels: int64 (r,), -1 for noise.
        cores: float32 (r,), the distance of each row to the neighbour that makes its place dense.
        births: float32 (k,), the density at which each cluster begins: 1 / distance.
        peaks: float32 (k,), the highest density in each cluster.
        reach: How many neighbours of a new row lie nearer than the one that makes its place dense.
    """

    kind: ClassVar[str] = "density"
    rows: NDArray[Any]
    labels: IntArray
    cores: FloatArray
    births: FloatArray
    peaks: FloatArray
    reach: int

    @classmethod
    def of(cls, vectors: FloatArray, labels: IntArray, machine: Any, *, min_samples: int, seed: int) -> Self:
        """Keep what is needed of an `hdbscan.HDBSCAN` that was fitted with its prediction data.

        Where only some rows are kept, neighbours are farther apart, and correspondingly fewer make a place dense.
        """
        known = machine.prediction_data_
        births = {int(row["child"]): float(row["lambda_val"]) for row in known.cluster_tree}
        chosen = [known.reverse_cluster_map[label] for label in range(int(labels.max(initial=NOISE)) + 1)]
        kept = drawn_rows(labels, ROWS_KEPT, seed=seed)
        return cls(
            compact(vectors[kept]),
            labels[kept],
            known.core_distances[kept].astype(np.float32),
            np.array([births.get(cluster, 0.0) for cluster in chosen], dtype=np.float32),
            np.minimum([known.max_lambdas[cluster] for cluster in chosen], DENSEST).astype(np.float32),
            max(1, round(min_samples * len(kept) / len(vectors))),
        )

    def predict(self, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
        """Find the cluster of each row, float32 (m, d), and how near its density comes to the cluster's highest."""
        labels, memberships = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), BLOCK):
            part = slice(start, start + BLOCK)
            labels[part], memberships[part] = self._placed(vectors[part])
        return labels, memberships

    def _placed(self, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
        near, distances = nearest_rows(self.rows, vectors, max(2 * self.reach, self.reach + 1))
        own = distances[:, min(self.reach, distances.shape[1] - 1)]
        reachable = np.maximum(np.maximum(distances, self.cores[near]), own[:, None])
        best = reachable.argmin(axis=1)[:, None]
        labels = self.labels[np.take_along_axis(near, best, axis=1)[:, 0]]
        density = 1 / np.maximum(np.take_along_axis(reachable, best, axis=1)[:, 0], np.float32(1 / DENSEST))
        inside = labels != NOISE
        inside[inside] = density[inside] > self.births[labels[inside]]
        memberships = np.zeros(len(labels), np.float32)
        memberships[inside] = np.minimum(density[inside] / self.peaks[labels[inside]], 1)
        return np.where(inside, labels, NOISE), memberships

    def arrays(self) -> Arrays:
        """Give the rows that were kept and what is known of them and of the clusters."""
        rows = {"rows": self.rows, "labels": self.labels, "cores": self.cores}
        return {**rows, "births": self.births, "peaks": self.peaks}

    def settings(self) -> Mapping[str, Any]:
        """Give how many neighbours make a place dense."""
        return {"reach": self.reach}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""
        rows = arrays["rows"], arrays["labels"], arrays["cores"]
        return cls(*rows, arrays["births"], arrays["peaks"], settings["reach"])
