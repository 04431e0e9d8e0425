"""What speaks for a pair of products in shoppers' links: counted for the few pairs that were chosen."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Rows = NDArray[np.int64]


class Evidence:
    """Count how often products are listed beside each other, and what links they share.

    Args:
        listed: Kind of link -> directed 0/1 matrix (n, n): the row lists the column.
        pairs: Symmetric 0/1 matrix (n, n): bought beside each other.
        likeness: Sparse (n, n): each row's nearest neighbours.
        rare: bool (n,): products not linked to everything.
    """

    def __init__(
        self,
        listed: Mapping[str, sparse.csr_array],
        pairs: sparse.csr_array,
        likeness: sparse.csr_array,
        rare: NDArray[np.bool_],
    ) -> None:
        self.pairs = pairs
        self._kinds = tuple(listed)
        # 0 to 2 of each kind, so that two bits a kind hold all of them in one matrix.
        self._listed = sparse.csr_array(pairs.shape, dtype=np.float32)
        for place, matrix in enumerate(listed.values()):
            self._listed = self._listed + np.float32(4**place) * (matrix + matrix.T)
        self._likeness = likeness
        self._rare = rare
        self._popular = _numbered(pairs, np.flatnonzero(~rare))
        self._degree = np.diff(pairs.indptr).astype(np.float64)
        ends = self._degree.sum()
        self._chance = (self._degree * (self._degree - 1)).sum() / ends**2 if ends else 0.0

    def count(self, rows: Rows, row: Rows, target: Rows) -> dict[str, NDArray[np.generic]]:
        """Count the evidence for chosen pairs.

        Args:
            rows: int64 (b,), products.
            row: int64 (m,), the first of each pair as its place in `rows`.
            target: int64 (m,), the second.

        Returns:
            Columns of `Complements`, (m,) each.
        """
        shared = self._between(self.pairs[rows], row, target)
        code = _entries(self._listed[rows], row, target)
        columns: dict[str, NDArray[np.generic]] = {
            kind: code >> 2 * place & 3 for place, kind in enumerate(self._kinds)
        }
        columns["shared"] = shared
        columns["similar"] = self._between(self._likeness[rows].sign(), row, target)
        columns["lift"] = (shared / self._expected_shared(rows[row], target)).astype(np.float32)
        return columns

    def _between(self, left: sparse.csr_array, row: Rows, target: Rows) -> Rows:
        """Count the columns of a row of `left` that are bought beside the target.

        Adding up the rows of all these columns is fastest, save for those linked to everything: there the target is
        looked up.
        """
        common = only_columns(left, self._rare) @ self.pairs
        return _entries(common, row, target) + self._looked_up(only_columns(left, ~self._rare), row, target)

    def _looked_up(self, left: sparse.csr_array, row: Rows, target: Rows) -> Rows:
        """Do the same by looking up each column and target among the pairs of products linked to everything."""
        length = np.diff(left.indptr)[row]
        pair = np.repeat(np.arange(len(row)), length)
        if len(pair) == 0 or len(self._popular) == 0:
            return np.zeros(len(row), dtype=np.int64)
        place = left.indptr[row][pair] + np.arange(len(pair)) - (np.cumsum(length) - length)[pair]
        wanted = left.indices[place] * np.int64(left.shape[1]) + target[pair]
        found = self._popular[np.minimum(np.searchsorted(self._popular, wanted), len(self._popular) - 1)] == wanted
        return np.bincount(pair, weights=found, minlength=len(row)).astype(np.int64)

    def _expected_shared(self, source: Rows, target: Rows) -> NDArray[np.float64]:
        """Predict common neighbours from popularity alone, in the configuration model (Newman, "Networks", 2018)."""
        expected: NDArray[np.float64] = self._degree[source] * self._degree[target] * self._chance
        return np.where(expected > 0, expected, np.inf)


def only_columns(matrix: sparse.csr_array, keep: NDArray[np.bool_]) -> sparse.csr_array:
    """Drop the entries of all columns but those to keep; the shape stays."""
    kept = keep[matrix.indices]
    starts = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr].astype(matrix.indptr.dtype)
    return sparse.csr_array((matrix.data[kept], matrix.indices[kept], starts), shape=matrix.shape)


def _numbered(matrix: sparse.csr_array, rows: Rows) -> Rows:
    """Number the entries of some rows of a matrix, which ascend, by row and column, ascending."""
    some = matrix[rows]
    some.sort_indices()
    numbers: Rows = np.repeat(rows, np.diff(some.indptr)) * matrix.shape[1] + some.indices
    return numbers


def _entries(matrix: sparse.csr_array, i: Rows, j: Rows) -> Rows:
    """Read the entries (i, j) of a sparse matrix."""
    return np.asarray(matrix[i, j]).astype(np.int64).ravel() if len(i) else np.empty(0, np.int64)
