"""Ridge regression for many products at once: each explained by others, each with its own few others."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

EXACT = 1e-6
"""Residual, as a share of the right-hand side, at which a solution counts as found: float32 holds no more."""

MOST_STEPS = 100
"""Conjugate gradient steps at most; a ridge as large as a product's own length needs about ten."""

Vector = NDArray[np.float32]


class Reach:
    """Some products, the others that explain each of them, and for each product the columns any of these has.

    Holds the others' rows as one block-diagonal sparse matrix, a block a product, of the columns in reach of it. So all
    products are solved by the same few multiplications of this matrix with vectors, and no Gram matrix is made: with
    100 others of 16 links each that would take far more time than solving.

    Args:
        matrix: float32 (n, n), sparse.
        rows: int64 (b,), the products to explain.
        others: int64 (b, k), row numbers of the others; -1 in unused places.
        besides: Sparse (b, n): further columns wanted.

    Attributes:
        row: int64 (m,), ascending: the product of each column in reach, as its place in `rows`.
        column: int64 (m,), ascending within a row: every column that the product, one of its others or its row of
            `besides` has.
    """

    def __init__(
        self,
        matrix: sparse.csr_array,
        rows: NDArray[np.int64],
        others: NDArray[np.int64],
        besides: sparse.csr_array,
    ) -> None:
        used = others >= 0
        links, own = matrix[others[used]], matrix[rows]
        length = np.zeros(others.shape, dtype=np.int64)
        length[used] = np.diff(links.indptr)
        there = np.zeros(matrix.shape[1], dtype=bool)
        for found in (links, own, besides):
            there[found.indices] = True
        columns = np.flatnonzero(there)
        self._place = np.empty(matrix.shape[1], dtype=np.int32)
        self._place[columns] = np.arange(len(columns))
        self._width = len(columns)
        cells = [self._cells(length.sum(axis=1), links), *(self._cells(_lengths(m), m) for m in (own, besides))]
        reached = np.zeros(len(rows) * self._width, dtype=bool)
        for found in cells:
            reached[found] = True
        within = np.flatnonzero(reached)
        self._number = np.empty(len(reached), dtype=np.int32)
        self._number[within] = np.arange(len(within))
        ends = np.searchsorted(within, np.arange(len(rows) + 1) * self._width)
        self.row = np.repeat(np.arange(len(rows)), np.diff(ends))
        self.column = columns[within - self.row * self._width]
        starts = np.concatenate([[0], np.cumsum(length)])
        self._blocks = sparse.csr_array(
            (links.data, self._number.take(cells[0]), starts.astype(np.int32)), shape=(others.size, len(within))
        )
        self._others = others.shape
        self._own = self.at(own)

    def at(self, found: sparse.csr_array) -> Vector:
        """Read a sparse (b, n) matrix, whose entries are all within reach, there: float32 (m,)."""
        values = np.zeros(len(self.row), dtype=np.float32)
        values[self._number.take(self._cells(_lengths(found), found))] = found.data
        return values

    def fitted(self, ridge: float) -> Vector:
        """Explain each product's row as a weighted sum of its others' rows, by ridge regression.

        Args:
            ridge: Penalty of a weight's square, above 0.

        Returns:
            float32 (m,), the weighted sums.
        """
        turned = self._blocks.T
        wanted = (self._blocks @ self._own).reshape(self._others)

        def gram(weights: Vector) -> Vector:
            product: Vector = self._blocks @ (turned @ weights.ravel())
            return product.reshape(self._others) + np.float32(ridge) * weights

        fitted: Vector = turned @ conjugate_gradient(gram, wanted).ravel()
        return fitted

    def _cells(self, length: NDArray[np.int64], found: sparse.csr_array) -> NDArray[np.int64]:
        """Number entries by product and column."""
        cells: NDArray[np.int64] = np.repeat(np.arange(len(length)) * self._width, length)
        cells += self._place.take(found.indices)
        return cells


def _lengths(matrix: sparse.csr_array) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = np.diff(matrix.indptr)
    return lengths


def conjugate_gradient(times: Callable[[Vector], Vector], wanted: Vector) -> Vector:
    """Solve many systems of linear equations with positive definite matrices side by side.

    Each stops on its own, so that its solution does not depend on the company it was solved in.

    Args:
        times: Multiplies float32 (b, k) vectors by the systems' matrices.
        wanted: float32 (b, k), right-hand sides.

    Returns:
        float32 (b, k), solutions (Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems",
        Journal of Research of the National Bureau of Standards 1952).
    """
    solution, residual, direction = np.zeros_like(wanted), wanted.copy(), wanted.copy()
    size = _dots(residual, residual)
    enough = EXACT**2 * size
    for _ in range(MOST_STEPS):
        open_ = size > enough
        if not open_.any():
            break
        turned = times(direction)
        step = _ratio(size, _dots(direction, turned), open_)
        solution += step * direction
        residual -= step * turned
        before = size
        size = _dots(residual, residual)
        direction = residual + _ratio(size, before, open_) * direction
    return solution


def _dots(left: Vector, right: Vector) -> Vector:
    """Dot vectors row by row, as a column."""
    dots: Vector = np.vecdot(left, right)[:, np.newaxis]
    return dots


def _ratio(above: Vector, below: Vector, where: NDArray[np.bool_]) -> Vector:
    """Divide where asked to; 0 elsewhere."""
    return np.divide(above, below, out=np.zeros_like(above), where=where)


def largest(row: NDArray[np.int64], values: Vector) -> NDArray[np.int64]:
    """Order the entries of each row by value.

    Args:
        row: int64 (m,), the row of each entry, ascending; m below 2**32.
        values: float32 (m,), positive.

    Returns:
        int64 (m,), positions row by row, largest value first, among equals the earlier position.
    """
    # The bits of positive floats rise with them: value and position fit one integer, sorted faster than by an index.
    falling = np.uint64(0x7FFFFFFF) - values.view(np.uint32)
    keys = falling << np.uint64(32) | np.arange(len(row), dtype=np.uint64)
    ends = np.cumsum(np.bincount(row)).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        keys[start:end].sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
