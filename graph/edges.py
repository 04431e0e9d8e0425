"""Weighted links between rows: the one currency of this room."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Undirected weighted edges between rows.

    Args:
        source: int64 (m,), row numbers from 0.
        target: int64 (m,), row numbers from 0; never equal to the source of the same edge.
        weight: float32 (m,), finite and greater than 0.

    Raises:
        ValueError: If shapes or types differ from these, an edge is a loop, or a weight is not a positive number.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, array, dtype in (
            ("source", self.source, np.int64),
            ("target", self.target, np.int64),
            ("weight", self.weight, np.float32),
        ):
            if array.ndim != 1 or array.dtype != dtype:
                raise ValueError(f"{name} must be {np.dtype(dtype)} (m,), got {array.dtype} {array.shape}")
        if not len(self.source) == len(self.target) == len(self.weight):
            raise ValueError(
                "source, target and weight must have one length, "
                f"got {len(self.source)}, {len(self.target)} and {len(self.weight)}"
            )
        if len(self) == 0:
            return
        if min(self.source.min(), self.target.min()) < 0:
            raise ValueError(f"row numbers must be 0 or more, got {min(self.source.min(), self.target.min())}")
        if (loops := self.source == self.target).any():
            raise ValueError(f"an edge must join two different rows, got row {self.source[loops][0]} with itself")
        if not (right := np.isfinite(self.weight) & (self.weight > 0)).all():
            raise ValueError(f"weights must be finite and greater than 0, got {self.weight[~right][0]}")

    def __len__(self) -> int:
        return len(self.source)

    @classmethod
    def none(cls) -> "Edges":
        """Return an edge list without edges."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    def scaled(self, factor: float) -> "Edges":
        """Multiply every weight.

        Args:
            factor: Greater than 0.

        Raises:
            ValueError: If a weight would not stay a positive number.
        """
        return Edges(self.source, self.target, self.weight * np.float32(factor))

    def matrix(self, n: int) -> sparse.csr_array:
        """Return the symmetric adjacency matrix, parallel edges summed.

        Args:
            n: Number of rows of the graph.

        Returns:
            float32 (n, n), sparse, sorted indices, empty diagonal.

        Raises:
            ValueError: If an edge names a row outside the graph.
        """
        check_rows(self.source, self.target, n=n)
        one_way = sparse.coo_array((self.weight, (self.source, self.target)), shape=(n, n))
        both_ways = (one_way + one_way.T).tocsr()
        both_ways.sort_indices()
        return both_ways


def combine(*edges: Edges, n: int) -> Edges:
    """Sum the weights of parallel edges.

    Args:
        edges: Any number of edge lists over the same rows, in comparable weights.
        n: Number of rows of the graph.

    Returns:
        One edge a pair, source < target, sorted by source, then target.

    Raises:
        ValueError: If an edge names a row outside the graph.
    """
    source = np.concatenate([np.empty(0, np.int64), *(each.source for each in edges)])
    target = np.concatenate([np.empty(0, np.int64), *(each.target for each in edges)])
    weight = np.concatenate([np.empty(0, np.float32), *(each.weight for each in edges)])
    return from_matrix(Edges(source, target, weight).matrix(n))


def from_matrix(matrix: sparse.csr_array) -> Edges:
    """Read the edges above the diagonal of a symmetric adjacency matrix.

    Args:
        matrix: (n, n), sparse; stored zeros are no edges.

    Returns:
        One edge a pair, source < target, sorted by source, then target.
    """
    upper = sparse.triu(matrix, k=1, format="csr")
    upper.eliminate_zeros()
    upper.sort_indices()
    upper = upper.tocoo()
    return Edges(upper.row.astype(np.int64), upper.col.astype(np.int64), upper.data.astype(np.float32))


def check_rows(*rows: NDArray[np.int64], n: int) -> None:
    """Check that row numbers lie in a graph of n rows.

    Args:
        rows: int64 arrays of row numbers.
        n: Number of rows of the graph.

    Raises:
        ValueError: If one lies outside, naming it.
    """
    for each in rows:
        if len(each) and (each.min() < 0 or each.max() >= n):
            worst = each.min() if each.min() < 0 else each.max()
            raise ValueError(f"row numbers must be between 0 and {n - 1} in a graph of {n} rows, got {worst}")
