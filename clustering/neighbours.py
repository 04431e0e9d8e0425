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
BLOCK = 8192  # rows placed at once; bounds memory
VALUES = 2**24  # compared at once where distances are measured exactly
ROUNDED = 1e-3  # of the distance that counts: so far at most may rows move that are kept as float16


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourVote:
    """Let the nearest of the rows that were kept vote on each new row (Cover and Hart 1967).

    Votes weigh by the inverse squared distance (Shepard 1968; Dudani 1976): a row that was kept gets its own label
    again, however small its cluster.

    Args:
        rows: float16 or float32 (r, d), as `compact` gives them.
        labels: int64 (r,), -1 for noise, which votes too.
        voters: How many neighbours vote.
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
        """Keep at most `ROWS_KEPT` of the rows, of every cluster some where there are no more clusters."""
        kept = drawn_rows(labels, ROWS_KEPT, seed=seed)
        return cls(compact(vectors[kept], radius=radius), labels[kept], voters, radius)

    def predict(self, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
        """Find the label that the neighbours of each row, float32 (m, d), vote for, and its share of their weight."""
        if not len(self.rows):
            return np.full(len(vectors), NOISE, np.int64), np.zeros(len(vectors), np.float32)
        near, distances = nearest_rows(self.rows, vectors, self.voters)
        labels, shares = vote(self.labels[near], distances)
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


def vote(labels: IntArray, distances: FloatArray) -> tuple[IntArray, FloatArray]:
    """Find the label of the most weight in each row, the first among equals.

    Args:
        labels: int64 (m, k), of the neighbours of m rows, nearest first.
        distances: float32 (m, k), how far these are; each weighs by the inverse square. Where some are at 0, only they
            count.

    Returns:
        int64 (m,), and its share of the weight, float32 (m,).
    """
    winners, shares = np.empty(len(labels), np.int64), np.empty(len(labels), np.float32)
    for start in range(0, len(labels), BLOCK):
        block, far = labels[start : start + BLOCK], distances[start : start + BLOCK].astype(np.float64)
        weights = np.where(far > far[:, :1], far[:, :1] / np.where(far > 0, far, 1), 1.0) ** 2  # of the nearest: 1
        votes = ((block[:, :, None] == block[:, None, :]) * weights[:, None, :]).sum(axis=2)
        first = votes.argmax(axis=1)[:, None]
        winners[start : start + BLOCK] = np.take_along_axis(block, first, axis=1)[:, 0]
        shares[start : start + BLOCK] = np.take_along_axis(votes, first, axis=1)[:, 0] / weights.sum(axis=1)
    return winners, np.minimum(shares, 1)


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
    middle = rows.mean(axis=0, dtype=np.float32)  # far from 0, the products that Faiss subtracts would drown distances
    known, count = rows.astype(np.float32) - middle, min(count, len(rows))
    near, distances = np.empty((len(vectors), count), np.int64), np.empty((len(vectors), count), np.float32)
    for start in range(0, len(vectors), BLOCK):
        part = slice(start, start + BLOCK)
        asked = vectors[part].astype(np.float32) - middle
        found = faiss.knn(asked, known, count)[1]
        exact = _distances(known, asked, found)
        order = np.argsort(exact, axis=1, kind="stable")
        near[part], distances[part] = (np.take_along_axis(each, order, axis=1) for each in (found, exact))
    return near, distances


def _distances(rows: FloatArray, vectors: FloatArray, near: IntArray) -> FloatArray:
    """Measure how far vectors are from some rows each, by differences: exact also where hardly anything is between."""
    found = np.empty(near.shape, np.float32)
    step = max(1, VALUES // max(1, near.shape[1] * rows.shape[1]))
    for start in range(0, len(vectors), step):
        part = slice(start, start + step)
        found[part] = np.linalg.norm(rows[near[part]] - vectors[part, None, :], axis=2)
    return found


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


def compact(vectors: FloatArray, *, radius: float | None = None) -> NDArray[Any]:
    """Round to float16, half the size, where that hardly moves rows beside the distances between them.

    Args:
        vectors: float32 (r, d).
        radius: A distance that decides, too; None for only the one that rows usually have from their mean.

    Returns:
        float16 (r, d), or the vectors themselves where rounding moves one by more than `ROUNDED` of that distance.
    """
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and so moves too far
        rounded = vectors.astype(np.float16)
    if not len(vectors):
        return rounded
    moved = np.linalg.norm(rounded.astype(np.float32) - vectors, axis=1).max()
    usual = np.sqrt(vectors.var(axis=0, dtype=np.float64).sum())
    return rounded if moved <= ROUNDED * min(usual, usual if radius is None else radius) else vectors
