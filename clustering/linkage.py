"""Average linkage on a sparse graph of scored pairs, where two rows of one source never meet in a cluster.

Every round merges all pairs of clusters that are each other's best, as reciprocal agglomerative clustering does
(Sumengen et al., "Scaling Hierarchical Agglomerative Clustering to Billion-sized Datasets", arXiv:2105.11653). Without
sources the result is that of merging one best pair at a time, but a handful of rounds over arrays does it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def average_linkage(
    n: int, first: IntArray, second: IntArray, scores: FloatArray, *, missing: float, sources: IntArray | None = None
) -> IntArray:
    """Merge clusters while the mean score of all pairs across them is above zero.

    Args:
        n: Number of rows.
        first: int64 (m,), one row of each scored pair; no pair twice in either order.
        second: int64 (m,), the other row.
        scores: float64 (m,), evidence that the pair is one product, negative when it speaks against.
        missing: Score of every pair not listed; not above zero.
        sources: int64 (n,), -1 where unknown; two rows of one known source never share a cluster.

    Returns:
        Labels int64 (n,), from 0 in order of each cluster's first row.

    Raises:
        ValueError: If `missing` is above zero.
    """
    if missing > 0:
        raise ValueError(f"missing must not be above 0, or unrelated rows would merge, got {missing}")
    labels, sizes = np.arange(n), np.ones(n, np.int64)
    a, b, total = _sum_parallel(first, second, scores - missing, n)
    while len(a):
        means = total / (sizes[a] * sizes[b]) + missing
        may = means > 0
        if sources is not None:
            may[may] = ~_share_source(a[may], b[may], labels, sources)
        into = _reciprocal_best(a[may], b[may], means[may], n)
        if into is None:
            break
        sizes = np.bincount(into, weights=sizes, minlength=n).astype(np.int64)
        labels = into[labels]
        a, b, total = _sum_parallel(into[a], into[b], total, n)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _sum_parallel(a: IntArray, b: IntArray, total: FloatArray, n: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Orient edges from the lower to the higher cluster, drop loops and add up parallel ones."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    real = low != high
    edges = sparse.csr_matrix((total[real], (low[real], high[real])), shape=(n, n)).tocoo()
    return edges.row.astype(np.int64), edges.col.astype(np.int64), edges.data


def _reciprocal_best(a: IntArray, b: IntArray, means: FloatArray, n: int) -> IntArray | None:
    """Say which cluster each cluster merges into: the lower of two that are each other's best; None when none are left.

    Ties go to the first edge in order of (mean, a, b), one order for both ends, so that some pair is always reciprocal.
    """
    if not len(a):
        return None
    order = np.argsort(-means, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    best = np.full(n, len(a))
    np.minimum.at(best, a, rank)
    np.minimum.at(best, b, rank)
    mutual = (best[a] == rank) & (best[b] == rank)
    into = np.arange(n)
    into[b[mutual]] = a[mutual]
    return into


def _share_source(a: IntArray, b: IntArray, labels: IntArray, sources: IntArray) -> NDArray[np.bool_]:
    """Say for each pair of clusters whether some source has a row in both."""
    known = sources >= 0
    if not known.any():
        return np.zeros(len(a), np.bool_)
    count = int(sources.max()) + 1
    held = np.unique(labels[known] * count + sources[known])  # one key for each (cluster, source)
    starts = np.searchsorted(held, np.arange(len(labels) + 1) * count)
    smaller = np.where(np.diff(starts)[a] <= np.diff(starts)[b], a, b)
    larger = a + b - smaller
    length = np.diff(starts)[smaller]
    pair = np.repeat(np.arange(len(a)), length)
    position = starts[smaller][pair] + np.arange(len(pair)) - (np.cumsum(length) - length)[pair]
    wanted = larger[pair] * count + held[position] % count
    found = held[np.minimum(np.searchsorted(held, wanted), len(held) - 1)] == wanted
    return np.bincount(pair, weights=found, minlength=len(a)) > 0
