"""Ask whether clusters come back: under another seed, and from a sample of the rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .extrinsic import singled

Labels = NDArray[np.int64]
Fit = Callable[[NDArray[np.float32], int], Labels]
"""Clusters rows, float32 (m, d), under a seed: int64 (m,), noise -1."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How much partitions agree, by their adjusted Rand index (Hubert and Arabie 1985): 1 the same, 0 by chance.

    Args:
        values: One for each comparison, at least one.

    Raises:
        ValueError: If there is none.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("at least 2 partitions are needed to compare them")

    @property
    def mean(self) -> float:
        """The mean over all comparisons."""
        return float(np.mean(self.values))

    @property
    def low(self) -> float:
        """The worst of them."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The best of them."""
        return max(self.values)


def between(labelings: Sequence[Labels]) -> Stability:
    """Compare every pair of partitions of the same rows.

    Args:
        labelings: At least two, int64 (n,) each; noise (-1) counts as clusters of one row.

    Raises:
        ValueError: If there are fewer than two, or they differ in length.
    """
    return Stability(tuple(rand_index(one, other) for one, other in combinations(labelings, 2)))


def rand_index(labels: Labels, others: Labels) -> float:
    """Give the adjusted Rand index of two partitions, int64 (n,) each; noise counts as clusters of one row.

    Raises:
        ValueError: If they differ in length.
    """
    from sklearn.metrics import adjusted_rand_score

    if len(labels) != len(others):
        raise ValueError(f"partitions of the same rows must be of one length, got {len(labels)} and {len(others)}")
    return float(adjusted_rand_score(singled(labels), singled(others)))


def samples(n: int, *, seed: int, rounds: int) -> Iterator[Labels]:
    """Draw bootstrap samples of rows: n draws with replacement, each row drawn kept once.

    Kept as often as drawn, a row would be its own nearest neighbour, and what looks at density would find clusters that
    are none (Hennig, "Cluster-wise assessment of cluster stability", 2007). Some 63 % of the rows are in each.

    Args:
        n: How many rows there are.
        seed: The same seed draws the same samples.
        rounds: How many, at least 1.

    Yields:
        int64 (m,), ascending.

    Raises:
        ValueError: If `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"at least 1 sample is needed, got rounds={rounds}")
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        yield np.unique(rng.integers(n, size=n))


def bootstrap(fit: Fit, vectors: NDArray[np.float32], labels: Labels, *, seed: int, rounds: int) -> Stability:
    """Cluster bootstrap samples and compare each with the clusters that all rows have, on the rows it holds.

    Args:
        fit: Clusters rows under a seed.
        vectors: float32 (n, d).
        labels: int64 (n,), what all rows together gave.
        seed: Of the samples; the fits have it, too, so that nothing but the rows differs.
        rounds: How many samples, at least 1.

    Raises:
        ValueError: If `rounds` is below 1, or `fit` refuses a sample.
    """
    drawn = samples(len(vectors), seed=seed, rounds=rounds)
    return Stability(tuple(rand_index(fit(vectors[rows], seed), labels[rows]) for rows in drawn))
