"""Improve clusters of unit vectors round by round, comparing each row only with the centroids near its own.

A round of Lloyd's algorithm (1982) compares n rows with k centroids. But a row hardly ever moves far, so the few
centroids nearest to its present one suffice ("k2-means for fast and accurate large scale clustering", Agustsson,
Timofte and Van Gool 2017): a round costs no more for many clusters than for few, and the rows of one cluster meet
their candidates in one small matrix product.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .centroids import mean_directions, nearest_centroids

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

CANDIDATES = 32  # centroids a row is compared with
PROBES = 2  # groups of centroids searched for candidates
REFRESH = 4  # rounds before candidates are looked up again
ENOUGH = 1e-3  # share of inertia; a round that saves less is the last
BLOCK = 4096  # rows compared at once; bounds memory
APART = 1e-4  # by how much a row's cosine to its centroid must be below 1 for it to get a cluster of its own


def polish(
    vectors: FloatArray, labels: IntArray, k: int, *, rounds: int, progress: Callable[[float], object] | None = None
) -> IntArray:
    """Move rows to nearer centroids, and centroids to the middle of their rows, until that hardly helps.

    Args:
        vectors: float32 (n, d), rows of length 1.
        labels: int64 (n,), below k, where rows are now; a cluster may be empty.
        k: Number of clusters.
        rounds: At most so many.
        progress: Called after each round with the share of all rounds that is done.

    Returns:
        Labels int64 (n,), below k; no cluster is empty unless there are too few different rows.
    """
    before = np.inf
    for done in range(rounds):
        centroids, inertia = mean_directions(vectors, labels, k)
        if inertia >= (1 - ENOUGH) * before:
            break
        before = inertia
        if done % REFRESH == 0:
            near = nearest_centroids(centroids, CANDIDATES, probes=PROBES)
        labels = fill_empty(*_nearest_candidate(vectors, labels, centroids, near), k)
        if progress is not None:
            progress((done + 1) / rounds)
    return labels


def _nearest_candidate(
    vectors: FloatArray, labels: IntArray, centroids: FloatArray, near: IntArray
) -> tuple[IntArray, FloatArray]:
    """Label each row with the nearest of its present cluster's candidates; also measure the cosine to it."""
    from threadpoolctl import threadpool_limits

    order = np.argsort(labels, kind="stable")
    bounds = np.cumsum(np.bincount(labels, minlength=len(centroids)))[:-1]
    nearest, cosines = np.empty_like(labels), np.empty(len(labels), np.float32)
    with threadpool_limits(1, user_api="blas"):  # several threads take 5 times as long over such small products
        for cell, members in enumerate(np.split(order, bounds)):
            candidates = near[cell][near[cell] >= 0]
            for start in range(0, len(members), BLOCK):
                rows = members[start : start + BLOCK]
                similarity = vectors[rows] @ centroids[candidates].T
                best = similarity.argmax(1)
                nearest[rows] = candidates[best]
                cosines[rows] = similarity[np.arange(len(rows)), best]
    return nearest, cosines


def fill_empty(labels: IntArray, cosines: FloatArray, k: int) -> IntArray:
    """Move into each empty cluster the row that lies farthest from its centroid, of each cluster one at a time.

    Args:
        labels: int64 (n,), below k.
        cosines: float32 (n,), of each row to the centroid of its cluster.
        k: Number of clusters.

    Returns:
        Labels int64 (n,); a cluster stays empty only when no row lies apart from its centroid and has company there.
    """
    while len(empty := np.flatnonzero((sizes := np.bincount(labels, minlength=k)) == 0)):
        apart = np.flatnonzero((cosines < 1 - APART) & (sizes[labels] > 1))
        farthest = apart[np.argsort(cosines[apart], kind="stable")]
        first_of_cluster = np.sort(np.unique(labels[farthest], return_index=True)[1])
        moved = farthest[first_of_cluster][: len(empty)]
        if not len(moved):
            break
        labels, cosines = labels.copy(), cosines.copy()
        labels[moved], cosines[moved] = empty[: len(moved)], 1
    return labels
