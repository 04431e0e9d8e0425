"""Rows in the order of their clusters, a block at a time: sums over clusters then take one pass and little memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Figures = NDArray[np.float64]

BLOCK = 2048  # rows looked at once; compared with as many others they take 32 MB


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """Rows in clusters, cluster by cluster.

    Args:
        rows: int64 (m,), without noise.
        groups: int64 (m,), the cluster of each, numbered from 0 without gaps, in order.
        sizes: int64 (k,).
    """

    rows: Labels
    groups: Labels
    sizes: Labels

    @classmethod
    def of(cls, labels: Labels) -> "Ordered":
        """Put rows in order of their labels, int64 (n,), noise -1."""
        rows = np.argsort(labels, kind="stable")
        rows = rows[np.searchsorted(labels[rows], 0) :]
        _, groups, sizes = np.unique(labels[rows], return_inverse=True, return_counts=True)
        return cls(rows, groups, sizes)

    def check(self) -> None:
        """Check that there is something to compare.

        Raises:
            ValueError: If there are fewer than two clusters, or none but singletons.
        """
        if not 2 <= len(self.sizes) < len(self.rows):
            raise ValueError(
                "clusters can be compared where there are at least 2, and fewer than rows in them, got "
                f"{len(self.sizes):,} clusters of {len(self.rows):,} rows"
            )

    def group_of(self, n: int) -> Labels:
        """Give each of n rows the number of its cluster, -1 for noise."""
        found = np.full(n, -1)
        found[self.rows] = self.groups
        return found

    def blocks(self) -> Iterator[tuple[Labels, slice, Labels]]:
        """Give the rows of each block, the clusters it has rows of, and where in it each of these begins."""
        for start in range(0, len(self.rows), BLOCK):
            groups = self.groups[start : start + BLOCK]
            yield (
                self.rows[start : start + BLOCK],
                slice(int(groups[0]), int(groups[-1]) + 1),
                np.flatnonzero(np.diff(groups, prepend=-1)),
            )
