"""What goes with a product, ranked by the evidence shoppers left, every answer with its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .edges import check_rows
from .shoppers import TOGETHER, VIEWED, Links, either_way

ALIKE = 100
"""Products a product's links are explained by: the ranking changes little beyond."""

RIDGE = 50.0
"""How strongly explanations by few products are held back."""

SEEN = 0.1
"""What an observed also_view link adds to a score: shoppers view complements, too, though substitutes more."""

DAMPING = 0.5
"""Power of its length by which a long list of links counts less, because each of its links says less."""

NEARNESS = 8
"""Power of a cosine by which a neighbour lends its links: the near-identical count, the merely related hardly do."""

POPULAR = 1000
"""Links of a product beyond which sharing it no longer makes two others candidates for likeness: it is linked to
everything, and looking at all it is linked to would take time that grows with the square of the catalogue."""

BLOCK = 256
"""Products ranked at once: bounds memory, whatever their number."""


class Why(IntEnum):
    """The strongest evidence for an answer, strongest first."""

    TOGETHER = 0
    BOUGHT_BOTH_WAYS = 1
    BOUGHT = 2
    SHARED = 3
    SIMILAR = 4
    VIEWED = 5
    PATTERN = 6


@dataclass(frozen=True, slots=True, eq=False)
class Complements:
    """The best complements of some products, best first, and the evidence for each.

    Args:
        target: int64 (q, limit), row numbers; -1 where there are no more answers, and 0 in every other column there.
        score: float32 (q, limit), higher is better; comparable within a row.
        bought: int64 (q, limit), 0 to 2: how many of the two products list the other as also_buy.
        together: int64 (q, limit), 0 to 2: the same for bought_together.
        viewed: int64 (q, limit), 0 to 2: the same for also_view.
        shared: int64 (q, limit), products bought with both.
        similar: int64 (q, limit), nearest neighbours of the product that are bought with the answer.
        lift: float32 (q, limit), `shared` as a multiple of what the two products' popularity predicts.
    """

    target: NDArray[np.int64]
    score: NDArray[np.float32]
    bought: NDArray[np.int64]
    together: NDArray[np.int64]
    viewed: NDArray[np.int64]
    shared: NDArray[np.int64]
    similar: NDArray[np.int64]
    lift: NDArray[np.float32]

    @property
    def why(self) -> NDArray[np.int64]:
        """Return the strongest evidence of each answer: int64 (q, limit), values of `Why`, -1 for no answer."""
        evidence = [self.together > 0, self.bought == 2, self.bought == 1, self.shared > 0, self.similar > 0]
        why = np.select([*evidence, self.viewed > 0], list(Why)[:-1], default=Why.PATTERN)
        return np.where(self.target < 0, -1, why).astype(np.int64)


class ComplementRanker:
    """Rank complements by explaining each product's links by the links of products listed like it.

    A product's row of links is fitted, by ridge regression, as a weighted sum of the rows of the 100 products with the
    most similar rows; the fitted row is the ranking. Links it has already come out high, and so do those it should
    have. This is one column of SLIM with feature selection (Ning and Karypis, ICDM 2011) with the ridge of EASE (Steck,
    "Embarrassingly shallow autoencoders for sparse data", WWW 2019), solved in the 100 x 100 corner of the Gram matrix
    that matters for it. So a product is ranked alone, in about a millisecond, without fitting the others first, and
    memory grows with the links only.

    A product without links borrows those of its nearest neighbours, the near-identical first.

    Args:
        bought: also_buy links.
        viewed: also_view links.
        together: bought_together links.
        n: Number of products.
        likeness: Nearest neighbours from `knn`, those of products without links turned to linked ones (`turn_to`):
            rows int64 (n, k) and cosines float32 (n, k). Without, products that have no links get no answers.

    Raises:
        ValueError: If a link names a row outside the catalogue or `likeness` does not have n rows.
    """

    def __init__(
        self,
        bought: Links,
        viewed: Links,
        together: Links,
        n: int,
        *,
        likeness: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None,
    ) -> None:
        self._directed = {"bought": bought.matrix(n), "viewed": viewed.matrix(n), "together": together.matrix(n)}
        self._pairs = either_way(self._directed["bought"].maximum(self._directed["together"]))
        self._pair_keys = _keys(self._pairs)
        self._n = n
        links = either_way(self._directed["bought"]) + VIEWED * either_way(self._directed["viewed"])
        links = (links + TOGETHER * either_way(self._directed["together"])).tocsr()
        self._linked = np.diff(links.indptr) > 0
        self._baskets = (links + sparse.eye_array(n, dtype=np.float32)).tocsr()
        length = self._baskets.sum(axis=1)
        self._damped = (self._baskets @ sparse.diags_array((length.mean() / length) ** (DAMPING / 2))).tocsr()
        telling = sparse.diags_array((np.diff(self._baskets.indptr) <= POPULAR).astype(np.float32))
        self._telling = (self._damped @ telling).tocsr()
        self._telling.eliminate_zeros()
        self._by_telling = (telling @ self._telling).T.tocsr()  # nor is what is linked to everything like anything
        self._by_telling.eliminate_zeros()
        self._norm = np.sqrt(self._damped.multiply(self._damped).sum(axis=1))
        self._likeness = _likeness_matrix(likeness, n)
        self._alike = self._likeness.sign()
        listed = self._directed["bought"]
        observed = 0.5 * (listed + listed.T) + either_way(self._directed["together"])
        self._observed = (observed + SEEN * either_way(self._directed["viewed"])).tocsr()

    def rank(
        self,
        rows: NDArray[np.int64],
        limit: int,
        *,
        new_only: bool = False,
        more_new: int = 0,
        apart: Sequence[NDArray[np.int64]] = (),
        allowed: NDArray[np.bool_] | None = None,
    ) -> Complements:
        """Rank the complements of one, some or all products.

        Args:
            rows: int64 (q,), row numbers.
            limit: Most answers a product, 1 or more.
            new_only: Leave out what also_buy or bought_together already links to the product, either way.
            more_new: Besides, so many of the best that are not linked yet.
            apart: Labels int64 (n,): answers never share one with the product. Its identity group is not its own
                complement; its similarity cluster holds its substitutes.
            allowed: bool (n,), the products that may be answers; all when None.

        Returns:
            Up to limit + more_new answers with a positive score, best first, among equals the lower row number first.

        Raises:
            ValueError: If a row number lies outside the catalogue, limit is below 1, or an array has another length.
        """
        self._check(rows, limit, [*apart, *([] if allowed is None else [allowed])])
        blocks = [
            self._rank_block(rows[start : start + BLOCK], limit, new_only, more_new, apart, allowed)
            for start in range(0, max(len(rows), 1), BLOCK)
        ]
        return Complements(*(np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Complements)))

    def _rank_block(
        self,
        rows: NDArray[np.int64],
        limit: int,
        new_only: bool,
        more_new: int,
        apart: Sequence[NDArray[np.int64]],
        allowed: NDArray[np.bool_] | None,
    ) -> Complements:
        scores = self._permitted(self._scores(rows), rows, apart, allowed)
        if new_only or more_new:
            new = scores - scores.multiply(self._pairs[rows])
        chosen = _best(new if new_only else scores, limit)
        if more_new:
            chosen = chosen.maximum(_best(new, more_new))
        row, target, score = _in_order(chosen)
        return self._explain(rows, row, target, score, limit + more_new)

    def _permitted(
        self,
        scores: sparse.csr_array,
        rows: NDArray[np.int64],
        apart: Sequence[NDArray[np.int64]],
        allowed: NDArray[np.bool_] | None,
    ) -> sparse.csr_array:
        """Keep the positive scores of those that may be answers."""
        scores = scores.tocoo()
        source, target = rows[scores.row], scores.col
        keep = (scores.data > 0) & (source != target)
        for labels in apart:
            keep &= labels[source] != labels[target]
        if allowed is not None:
            keep &= allowed[target]
        return sparse.csr_array((scores.data[keep], (scores.row[keep], target[keep])), shape=scores.shape)

    def _scores(self, rows: NDArray[np.int64]) -> sparse.csr_array:
        """Add what was observed (also_buy 1/2 from either side, a basket 1, also_view 1/10) to what is expected."""
        shared = (self._telling[rows] @ self._by_telling).tocsr()
        spans = zip(rows, shared.indptr[:-1], shared.indptr[1:], strict=True)
        fit = [self._fit(row, shared.indices[a:b], shared.data[a:b]) for row, a, b in spans]
        lengths = [len(alike) for alike, _ in fit]
        fitted = sparse.csr_array(
            (
                np.concatenate([weight for _, weight in fit] or [np.empty(0, np.float32)]),
                np.concatenate([alike for alike, _ in fit] or [np.empty(0, np.int64)]),
                np.cumsum([0, *lengths]),
            ),
            shape=(len(rows), self._n),
        )
        cold = sparse.diags_array((~self._linked[rows]).astype(np.float32)) @ self._likeness[rows]
        return (fitted @ self._baskets + cold @ self._observed + self._observed[rows]).tocsr()

    def _fit(
        self, row: int, others: NDArray[np.int32], products: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Explain a row of links by those most like it: their row numbers and weights."""
        likest = products / self._norm[others]
        likest[others == row] = -1
        if len(others) > ALIKE:
            nearest = np.argpartition(-likest, ALIKE - 1)[:ALIKE]
            others, likest = others[nearest], likest[nearest]
        alike = np.sort(others[likest > 0]).astype(np.int64)
        corner = self._damped[alike]
        gram = (corner @ corner.T).toarray()
        gram[np.diag_indices_from(gram)] += RIDGE
        shared = (corner @ self._damped[[row]].T).toarray().ravel()
        return alike, np.linalg.solve(gram, shared).astype(np.float32)

    def _explain(
        self,
        rows: NDArray[np.int64],
        row: NDArray[np.int64],
        target: NDArray[np.int64],
        score: NDArray[np.float32],
        limit: int,
    ) -> Complements:
        """Count the evidence for chosen pairs, and lay everything out as (q, limit)."""
        source = rows[row]
        shared = _pairwise(self._pairs, source, self._pair_keys, target)
        columns = {
            "target": (target, -1, np.int64),
            "score": (score, 0, np.float32),
            "shared": (shared, 0, np.int64),
            "similar": (_pairwise(self._alike, source, self._pair_keys, target), 0, np.int64),
            "lift": (shared / self._expected_shared(source, target), 0, np.float32),
        }
        for kind, listed in self._directed.items():
            columns[kind] = (_entries(listed, source, target) + _entries(listed, target, source), 0, np.int64)
        place = np.arange(len(row)) - np.searchsorted(row, row)
        tables = {}
        for name, (values, empty, dtype) in columns.items():
            tables[name] = np.full((len(rows), limit), empty, dtype=dtype)
            tables[name][row, place] = values
        return Complements(**tables)

    def _expected_shared(self, source: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predict common neighbours from popularity alone, in the configuration model (Newman, "Networks", 2018)."""
        degree = np.diff(self._pairs.indptr).astype(np.float64)
        ends = degree.sum()
        chance = (degree * (degree - 1)).sum() / ends**2 if ends else 0.0
        expected: NDArray[np.float64] = degree[source] * degree[target] * chance
        return np.where(expected > 0, expected, np.inf)

    def _check(self, rows: NDArray[np.int64], limit: int, per_product: Sequence[NDArray[np.generic]]) -> None:
        if rows.ndim != 1 or rows.dtype != np.int64:
            raise ValueError(f"rows must be int64 (q,), got {rows.dtype} {rows.shape}")
        check_rows(rows, n=self._n)
        if limit < 1:
            raise ValueError(f"limit must be 1 or more, got {limit}")
        for array in per_product:
            if array.shape != (self._n,):
                raise ValueError(f"apart and allowed must hold one value for each of {self._n} rows, got {array.shape}")


def _likeness_matrix(likeness: tuple[NDArray[np.int64], NDArray[np.float32]] | None, n: int) -> sparse.csr_array:
    """Lay neighbours out as rows of weights: their cosines, where positive, to the power of NEARNESS."""
    if likeness is None:
        return sparse.csr_array((n, n), dtype=np.float32)
    indices, similarities = likeness
    if indices.shape != similarities.shape or len(indices) != n:
        raise ValueError(f"likeness must be two (n, k) arrays of {n} rows, got {indices.shape}, {similarities.shape}")
    found = (indices >= 0) & (similarities > 0)
    row = np.nonzero(found)[0]
    return sparse.csr_array((similarities[found] ** NEARNESS, (row, indices[found])), shape=(n, n), dtype=np.float32)


def _best(scores: sparse.csr_array, limit: int) -> sparse.csr_array:
    """Keep the `limit` largest positive entries of each row, among equals the lower columns."""
    scores.sort_indices()
    keep = scores.data > 0
    for start, end in zip(scores.indptr[:-1], scores.indptr[1:], strict=True):
        row, positive = scores.data[start:end], keep[start:end]
        if np.count_nonzero(positive) > limit:
            least = np.partition(row, len(row) - limit)[len(row) - limit]
            positive &= row >= least
            equals = np.flatnonzero(row == least)
            positive[equals[limit - np.count_nonzero(row > least) :]] = False
    rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    return sparse.csr_array((scores.data[keep], (rows[keep], scores.indices[keep])), shape=scores.shape)


def _in_order(scores: sparse.csr_array) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """List the entries of each row, largest first, among equals the lower column first."""
    entries = scores.tocoo()
    order = np.lexsort((entries.col, -entries.data, entries.row))
    return (
        entries.row[order].astype(np.int64),
        entries.col[order].astype(np.int64),
        entries.data[order].astype(np.float32),
    )


def _keys(matrix: sparse.csr_array) -> NDArray[np.int64]:
    """Number the entries of a matrix by row and column, ascending."""
    matrix.sort_indices()
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: NDArray[np.int64] = rows * matrix.shape[1] + matrix.indices
    return keys


def _pairwise(
    left: sparse.csr_array, i: NDArray[np.int64], keys: NDArray[np.int64], j: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Dot row i of one 0/1 matrix with row j of another, given as `_keys`, pair by pair.

    The entries of row i are looked up in row j, so that a row j with very many costs no more than another.
    """
    length = np.diff(left.indptr)[i]
    pair = np.repeat(np.arange(len(i)), length)
    if len(pair) == 0 or len(keys) == 0:
        return np.zeros(len(i), dtype=np.int64)
    place = left.indptr[i][pair] + np.arange(len(pair)) - (np.cumsum(length) - length)[pair]
    wanted = j[pair] * left.shape[1] + left.indices[place]
    found = keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted
    return np.bincount(pair, weights=found, minlength=len(i)).astype(np.int64)


def _entries(matrix: sparse.csr_array, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read the entries (i, j) of a sparse matrix."""
    return np.asarray(matrix[i, j]).astype(np.int64).ravel() if len(i) else np.empty(0, np.int64)
