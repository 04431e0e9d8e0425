"""What goes with a product, ranked by the evidence shoppers left, every answer with its reasons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .edges import check_rows
from .evidence import Evidence, only_columns
from .ridge import Reach, largest
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

BLOCK = 128
"""Products ranked at once, at most: bounds memory, and what a block works on stays in the processor's cache."""

WORK = 4_000_000
"""Steps to find the candidates of products ranked at once, at most: one linked to everything is ranked alone."""


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
    that matters for it (see `Reach`). So a product is ranked in a few milliseconds without fitting the others first,
    all of them in a fifth of a millisecond each when asked for in `order`, and memory grows with the links only.

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
        self._n = n
        listed, seen, baskets = bought.matrix(n), viewed.matrix(n), together.matrix(n)
        links = either_way(listed) + VIEWED * either_way(seen) + TOGETHER * either_way(baskets)
        self._linked = np.diff(links.indptr) > 0
        links = (links + sparse.eye_array(n, dtype=np.float32)).tocsr()
        length = links.sum(axis=1)
        self._damping = (length.mean() / length) ** (DAMPING / 2)
        self._damped = (links @ sparse.diags_array(self._damping)).tocsr()
        rare = np.diff(links.indptr) <= POPULAR
        self._telling = only_columns(self._damped, rare)
        # Nor is what is linked to everything like anything.
        self._by_telling = only_columns(self._telling.T.tocsr(), rare)
        self._norm = np.sqrt(self._damped.multiply(self._damped).sum(axis=1))
        self._work = only_columns(links, rare).sign() @ np.diff(self._by_telling.indptr)
        self._likeness = _likeness_matrix(likeness, n)
        observed = 0.5 * (listed + listed.T) + either_way(baskets)
        self._observed = (observed + SEEN * either_way(seen)).tocsr()
        pairs = either_way(listed.maximum(baskets))
        self._evidence = Evidence({"bought": listed, "viewed": seen, "together": baskets}, pairs, self._likeness, rare)

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
        blocks = [self._rank_block(block, limit, new_only, more_new, apart, allowed) for block in self._blocks(rows)]
        return Complements(*(np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Complements)))

    def order(self) -> NDArray[np.int64]:
        """List all rows so that products linked to each other lie near: ranked in this order, blocks share their links.

        Returns:
            int64 (n,), the reverse Cuthill-McKee order (Cuthill and McKee, "Reducing the bandwidth of sparse symmetric
            matrices", ACM National Conference 1969), without the products linked to everything.
        """
        from scipy.sparse.csgraph import reverse_cuthill_mckee  # which loads scipy's linear algebra: a second

        found: NDArray[np.int64] = reverse_cuthill_mckee(self._by_telling, symmetric_mode=True).astype(np.int64)
        return found

    def _blocks(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Cut rows where there are BLOCK of them or WORK in them; at least one block, if an empty one."""
        start = 0
        while start == 0 or start < len(rows):
            work = np.cumsum(self._work[rows[start : start + BLOCK]])
            end = start + max(int(np.searchsorted(work, WORK, side="right")), 1)
            yield rows[start:end]
            start = end

    def _rank_block(
        self,
        rows: NDArray[np.int64],
        limit: int,
        new_only: bool,
        more_new: int,
        apart: Sequence[NDArray[np.int64]],
        allowed: NDArray[np.bool_] | None,
    ) -> Complements:
        row, target, score, known = self._positive(rows)
        keep = rows[row] != target
        for labels in apart:
            keep &= labels[rows[row]] != labels[target]
        if allowed is not None:
            keep &= allowed[target]
        if new_only:
            keep &= ~known
        row, target, score, known = row[keep], target[keep], score[keep], known[keep]
        order = largest(row, score)
        row, target, score, known = row[order], target[order], score[order], known[order]
        chosen = _place(row) < limit
        chosen[np.flatnonzero(~known)[_place(row[~known]) < more_new]] = True
        row, target, score = row[chosen], target[chosen], score[chosen]
        columns = self._evidence.count(rows, row, target)
        return _laid_out(len(rows), limit + more_new, row, {"target": target, "score": score, **columns})

    def _positive(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        """Score other products: row, target, positive score, and whether they are linked already.

        What was observed (also_buy 1/2 from either side, a basket 1, also_view 1/10) adds to what is expected.
        """
        cold = sparse.diags_array((~self._linked[rows]).astype(np.float32)) @ self._likeness[rows]
        given = (self._observed[rows] + cold @ self._observed).tocsr()
        reach = Reach(self._damped, rows, self._alike(rows), given)
        scores = reach.fitted(RIDGE) / self._damping[reach.column] + reach.at(given)
        known = reach.at(self._evidence.pairs[rows]) > 0
        positive = scores > 0
        return reach.row[positive], reach.column[positive], scores[positive], known[positive]

    def _alike(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the products listed most like each: int64 (b, ALIKE), -1 where there are no more."""
        shared = (self._telling[rows] @ self._by_telling).tocsr()
        row = np.repeat(np.arange(len(rows)), np.diff(shared.indptr))
        likest = shared.data / self._norm[shared.indices]
        other = (likest > 0) & (shared.indices != rows[row])
        row, found, likest = row[other], shared.indices[other], likest[other]
        order = largest(row, likest)
        place = _place(row)
        nearest = place < ALIKE
        alike = np.full((len(rows), ALIKE), -1, dtype=np.int64)
        alike[row[nearest], place[nearest]] = found[order[nearest]]
        return alike

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


def _place(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the entries of each row from 0; rows ascend."""
    length = np.bincount(row)
    place: NDArray[np.int64] = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return place


def _laid_out(rows: int, limit: int, row: NDArray[np.int64], columns: Mapping[str, NDArray[np.generic]]) -> Complements:
    """Lay entries out as (rows, limit)."""
    place = _place(row)
    tables = {}
    for name, values in columns.items():
        tables[name] = np.full((rows, limit), -1 if name == "target" else 0, dtype=values.dtype)
        tables[name][row, place] = values
    return Complements(**tables)
