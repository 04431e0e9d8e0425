"""Each row's nearest rows, and edges from them that hubs cannot glue together."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .edges import Edges, from_matrix
from .exact import exact_search, on_gpu
from .inverted import filed

EXACT_UP_TO = 20_000
"""Rows up to which every pair is compared: that takes seconds, and misses nothing."""

RECALL = 0.97
"""Share of true neighbours worth paying for: the last hundredths take as long as all others."""

_SEED = 0

FAINTEST = 1e-3
"""Least weight of an edge, beside about 1 for a typical one."""


def knn(
    vectors: NDArray[np.float32], k: int, *, recall: float = RECALL, exact_up_to: int = EXACT_UP_TO
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the k most similar other rows of every row.

    Compares every pair up to `exact_up_to` rows, if recall is 1, or where a GPU does so in a minute or two. Otherwise
    compares each row with those of the cells nearby, as many cells as the recall asked for takes (`InvertedFile`).
    `knn_recall` tells what that misses. The same vectors give the same neighbours, which a graph index built by several
    threads would not.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        k: Neighbours a row, the row itself not counted, between 1 and n - 1.
        recall: Share of the true neighbours to be found, above 0, at most 1.
        exact_up_to: Largest n that is searched exactly.

    Returns:
        Row numbers int64 (n, k), -1 where the search found fewer, and their cosine similarities float32 (n, k), -1
        there too; each row's most similar first, among equals the lower row number first.

    Raises:
        ValueError: If `vectors` is not a float32 matrix, or k or recall are out of range.
    """
    _check(vectors, k, recall)
    n = len(vectors)
    # One more than asked for, because a row finds itself too, and without fail. Among identical rows it may not: then
    # the last one goes.
    similarities, indices = _search(vectors, vectors, k + 1, (recall * k + 1) / (k + 1), exact_up_to)
    similarities[(indices == np.arange(n)[:, None]) | (indices < 0)] = -np.inf
    order = np.lexsort((indices, -similarities), axis=1)[:, :k]
    indices = np.take_along_axis(indices, order, axis=1)
    similarities = np.take_along_axis(similarities, order, axis=1)
    missing = np.isneginf(similarities)
    return np.where(missing, -1, indices), np.where(missing, -1, np.clip(similarities, -1, 1)).astype(np.float32)


def turn_to(
    linked: NDArray[np.bool_],
    vectors: NDArray[np.float32],
    indices: NDArray[np.int64],
    similarities: NDArray[np.float32],
    *,
    recall: float = RECALL,
    exact_up_to: int = EXACT_UP_TO,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Replace the neighbours of rows that are not linked by their nearest linked rows.

    Products without links often lie among their like: without this, none of them would have a neighbour to borrow from.

    Args:
        linked: bool (n,).
        vectors: float32 (n, dim), rows of length 1.
        indices: int64 (n, k) from `knn`.
        similarities: float32 (n, k) from `knn`.
        recall: Share of the truly nearest to be found.
        exact_up_to: Largest number of linked rows that is searched exactly.

    Returns:
        New arrays as `knn` returns them; unchanged where all rows are linked or none is.
    """
    goals, rows = np.flatnonzero(linked), np.flatnonzero(~linked)
    indices, similarities = indices.copy(), similarities.copy()
    if len(goals) == 0 or len(rows) == 0:
        return indices, similarities
    k = min(indices.shape[1], len(goals))
    near, found = _search(vectors[rows], vectors[goals], k, recall, exact_up_to)
    indices[rows], similarities[rows] = -1, -1
    indices[rows[:, None], np.arange(k)] = np.where(found < 0, -1, goals[found])
    similarities[rows[:, None], np.arange(k)] = np.where(found < 0, -1, np.clip(near, -1, 1))
    return indices, similarities


def knn_edges(vectors: NDArray[np.float32], k: int, *, mutual: bool = False, exact_up_to: int = EXACT_UP_TO) -> Edges:
    """Join every row to its k most similar rows, weighted by similarity relative to both rows' surroundings.

    The weight is 1 + cos(i, j) - (r(i) + r(j)) / 2, where r is a row's mean cosine to its k neighbours: cross-domain
    similarity local scaling, Conneau et al., "Word translation without parallel data", ICLR 2018. A hub is near to
    everything only in absolute terms; next to its own close neighbours its other edges fade. An edge of weight 1 is as
    close as the neighbours of its two rows are on average, in dense and in sparse regions alike.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        k: Neighbours a row, between 1 and n - 1.
        mutual: Keep only the pairs where each is among the other's k.
        exact_up_to: Largest n that is searched exactly.

    Returns:
        One edge a pair, source < target.

    Raises:
        ValueError: If `vectors` is not a float32 matrix or k is out of range.
    """
    return edges_from_knn(*knn(vectors, k, exact_up_to=exact_up_to), mutual=mutual)


def edges_from_knn(indices: NDArray[np.int64], similarities: NDArray[np.float32], *, mutual: bool = False) -> Edges:
    """Weigh neighbours that `knn` has already found as `knn_edges` does.

    Args:
        indices: int64 (n, k), -1 for none.
        similarities: float32 (n, k), cosines.
        mutual: Keep only the pairs where each is among the other's k.

    Returns:
        One edge a pair, source < target.
    """
    n = len(indices)
    found = indices >= 0
    mean = np.sum(similarities, axis=1, where=found) / np.maximum(found.sum(axis=1), 1)
    source, target = np.nonzero(found)[0], indices[found]
    # A neighbour much farther than the others keeps a faint edge, so that no row loses its last one.
    weight = np.maximum(1 + similarities[found] - (mean[source] + mean[target]) / 2, FAINTEST)
    one_way = sparse.csr_array((weight, (source, target)), shape=(n, n))
    return from_matrix(one_way.minimum(one_way.T) if mutual else one_way.maximum(one_way.T))


def knn_recall(vectors: NDArray[np.float32], indices: NDArray[np.int64], *, seed: int, sample: int = 500) -> float:
    """Estimate the share of true neighbours among those found, on a sample of rows searched exactly.

    A neighbour counts as true when it is at least as similar as the true k-th one, so identical rows may stand in for
    each other.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        indices: int64 (n, k) from `knn`.
        seed: Seed of the sample.
        sample: Rows to check, all when there are fewer.

    Returns:
        Recall at k, between 0 and 1.
    """
    n, k = indices.shape
    rows = np.sort(np.random.default_rng(seed).choice(n, size=min(sample, n), replace=False))
    similarities, found = exact_search(vectors[rows], vectors, k + 1)
    similarities[found == rows[:, None]] = -np.inf
    threshold = np.sort(similarities, axis=1)[:, 1]
    ours = np.einsum("rd,rkd->rk", vectors[rows], vectors[indices[rows]])
    return float(((ours >= threshold[:, None] - 1e-5) & (indices[rows] >= 0)).mean())


def _check(vectors: NDArray[np.float32], k: int, recall: float) -> None:
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ValueError(f"vectors must be float32 (n, dim), got {vectors.dtype} {vectors.shape}")
    n = len(vectors)
    if not 1 <= k < n:
        raise ValueError(f"k must be between 1 and {n - 1} for {n} vectors, got {k}")
    if not 0 < recall <= 1:
        raise ValueError(f"recall must be above 0 and at most 1, got {recall}")


def _search(
    queries: NDArray[np.float32], base: NDArray[np.float32], k: int, recall: float, exact_up_to: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find the nearest of `base`, exactly or through an inverted file: cosines and rows, -1 where fewer were found."""
    if not 0 < recall <= 1:
        raise ValueError(f"recall must be above 0 and at most 1, got {recall}")
    if len(base) <= exact_up_to or recall == 1 or on_gpu(len(queries), len(base)):
        return exact_search(queries, base, k)
    return filed(base, seed=_SEED).search(queries, k, recall=recall)
