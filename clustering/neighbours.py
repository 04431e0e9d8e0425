"""Put new rows where their nearest neighbours are: the model of methods that know no centres."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .clustering import NOISE
from .models import Arrays, check_width

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

ROWS_KEPT = 20_000  # of the rows a method was fitted on: 15 MB at 384 values of 16 bits
VOTERS = 5
BLOCK = 8192  # rows voted on at once; bounds memory


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourVote:
    """Let the nearest of the rows that were kept vote on each new row (Cover and Hart 1967).

    Args:
        rows: float16 or float32 (r, d), as `compact` gives them.
        labels: int64 (r,), -1 for noise, which votes too.
        voters: How many neighbours vote; among equals the nearest decides.
        radius: Euclidean distance to the nearest beyond which a row is noise; None for never.
    """

    kind: ClassVar[str] = "neighbours"
    rows: NDArray[Any]
    labels: IntArray
    voters: int = VOTERS
    radius: float | None = None

    @classmethod
    def of(
        cls, vectors: FloatArray, labels: IntArray, *, seed: int, voters: int = VOTERS, radius: float | None = None
    ) -> Self:
        """Keep at most `ROWS_KEPT` of the rows, of every cluster some."""
        kept = drawn_rows(labels, ROWS_KEPT, seed=seed)
        return cls(compact(vectors[kept]), labels[kept], voters, radius)

    def predict(self, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
        """Find the label most neighbours of each row have, and their share; float32 (m, d)."""
        if not len(self.rows):
            return np.full(len(vectors), NOISE, np.int64), np.zeros(len(vectors), np.float32)
        near, distances = nearest_rows(self.rows, vectors, self.voters)
        labels, shares = vote(self.labels[near])
        if self.radius is not None:
            labels[distances[:, 0] > self.radius] = NOISE
        shares[labels == NOISE] = 0
        return labels, shares

    def arrays(self) -> Arrays:
        """Give the rows that were kept and their labels."""
        return {"rows": self.rows, "labels": self.labels}

    def settings(self) -> Mapping[str, Any]:
        """Give how many vote and how far they see."""
        return {"voters": self.voters, "radius": self.radius}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""
        return cls(arrays["rows"], arrays["labels"], settings["voters"], settings["radius"])


def vote(labels: IntArray) -> tuple[IntArray, FloatArray]:
    """Find the commonest label of each row, the first among equals.

    Args:
        labels: int64 (m, k), of the neighbours of m rows, nearest first.

    Returns:
        int64 (m,), and the share of neighbours that have it, float32 (m,).
    """
    winners, shares = np.empty(len(labels), np.int64), np.empty(len(labels), np.float32)
    for start in range(0, len(labels), BLOCK):
        block = labels[start : start + BLOCK]
        votes = (block[:, :, None] == block[:, None, :]).sum(axis=2)
        first = votes.argmax(axis=1)[:, None]
        winners[start : start + BLOCK] = np.take_along_axis(block, first, axis=1)[:, 0]
        shares[start : start + BLOCK] = np.take_along_axis(votes, first, axis=1)[:, 0] / labels.shape[1]
    return winners, shares


def nearest_rows(rows: NDArray[Any], vectors: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Find the nearest of some rows to each vector.

    Args:
        rows: float16 or float32 (r, d).
        vectors: float32 (m, d).
        count: How many to find; at most r are.

    Returns:
        Rows int64 (m, count) and their Euclidean distances, float32 (m, count), nearest first.

    Raises:
        ValueError: If the two differ in width.
    """
    import faiss

    check_width(vectors, rows.shape[1])
    squared, near = faiss.knn(
        np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(rows, np.float32), min(count, len(rows))
    )
    return near.astype(np.int64), np.sqrt(np.maximum(squared, 0))


def drawn_rows(labels: IntArray, most: int, *, seed: int) -> IntArray:
    """Draw rows in proportion to the sizes of their clusters, of each at least one while there is room.

    Args:
        labels: int64 (n,); noise counts as a cluster.
        most: How many; all when there are no more.
        seed: Decides which.

    Returns:
        Rows int64 (at most `most`,), ascending.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    clusters, sizes = np.unique(labels[shuffled], return_inverse=True, return_counts=True)[1:]
    order = np.argsort(clusters, kind="stable")
    place = np.empty(len(labels), np.int64)  # of each row among those of its cluster
    place[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(shuffled[np.argsort(place / sizes[clusters], kind="stable")[:most]])


def compact(vectors: FloatArray) -> NDArray[Any]:
    """Round to float16 what fits into it: as near as neighbours need, at half the size."""
    return vectors.astype(np.float16 if np.abs(vectors).max(initial=0) < 60_000 else np.float32)
