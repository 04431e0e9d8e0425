"""Group rows around their means by Euclidean distance: the k-means of Lloyd (1982), the best of several starts.

Faiss does the rounds; the starts are those of k-means++ (Arthur and Vassilvitskii 2007). They compete on a sample, and
the best goes on with all rows until that hardly helps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .centroids import nearest_mean
from .polish import fill_empty
from .rows import members_of

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

STARTS = 10
FEW = 1024  # clusters beyond which there is one start, from rows drawn at random: k-means++ takes n * k steps
TRAINING = 256  # rows of a sample for each centroid
FLOOR = 50_000  # rows of a sample in any case
LEGS = 10  # times the best start may go on
LAST = 3  # more rounds at most once no cluster is empty: Faiss leaves centroids it has split a little off the mean
ENOUGH = 1e-4  # share of inertia; a leg that saves less is the last


def lloyd(
    vectors: FloatArray, k: int, *, seed: int, iterations: int, gpu: bool, progress: Callable[[float], object]
) -> tuple[IntArray, FloatArray, float]:
    """Find k means, each row nearest to its own.

    Args:
        vectors: float32 (n, d), of any length.
        k: Number of clusters, at most n.
        seed: Decides the sample and the starts.
        iterations: Rounds of each start; the best may go on for `LEGS` times as many.
        gpu: Whether to work on the GPUs.
        progress: Called with the share of all work that is done.

    Returns:
        Labels int64 (n,), all in use; centroids float32 (at most k, d); and the sum of squared distances to them.
    """
    rng = np.random.default_rng(seed)
    middle = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    vectors = vectors - middle  # Faiss subtracts squares, which far from 0 are all alike to 32 bits
    sample = _drawn(vectors, max(TRAINING * k, FLOOR), rng)
    centroids, best = _start(sample, k, rng), np.inf
    starts = STARTS if 1 < k <= FEW else 1
    for start in range(starts):
        moved, inertia = _rounds(sample, _start(sample, k, rng) if start else centroids, iterations, gpu=gpu)
        if inertia < best:
            centroids, best = moved, inertia
        progress((start + 1) / (starts + 2))
    best = np.inf
    for _ in range(LEGS):
        centroids, inertia = _rounds(vectors, centroids, iterations, gpu=gpu)
        if inertia >= (1 - ENOUGH) * best:
            break
        best = inertia
    labels, centroids, inertia = _settle(vectors, centroids, gpu=gpu)
    return labels, centroids + middle, inertia


def _drawn(vectors: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    return vectors[np.sort(rng.choice(len(vectors), count, replace=False))] if count < len(vectors) else vectors


def _start(sample: FloatArray, k: int, rng: np.random.Generator) -> FloatArray:
    """Place k centroids on rows: far apart by k-means++, or anywhere where that would take too long."""
    from sklearn.cluster import kmeans_plusplus

    if k > FEW:
        return _drawn(sample, k, rng)
    return np.asarray(kmeans_plusplus(sample, k, random_state=int(rng.integers(2**31)))[0], dtype=np.float32)


def _rounds(vectors: FloatArray, centroids: FloatArray, iterations: int, *, gpu: bool) -> tuple[FloatArray, float]:
    """Move centroids for so many rounds; also give the inertia before the last move."""
    import faiss

    options: dict[str, Any] = {"min_points_per_centroid": 1, "max_points_per_centroid": len(vectors)}
    machine: Any = faiss.Kmeans(vectors.shape[1], len(centroids), gpu=gpu, niter=iterations, **options)
    machine.train(vectors, init_centroids=centroids)
    return np.asarray(machine.centroids, dtype=np.float32).copy(), float(machine.obj[-1])


def _settle(vectors: FloatArray, centroids: FloatArray, *, gpu: bool) -> tuple[IntArray, FloatArray, float]:
    """Label every row with the nearest centroid, after empty clusters have been given the rows farthest from theirs."""
    spread = np.float32(2 * vectors.var(axis=0).sum() or 1)  # makes 1 - squared / spread what a cosine is on unit rows
    labels, squared = nearest_mean(vectors, centroids, gpu=gpu)
    while len(moved := np.flatnonzero((filled := fill_empty(labels, 1 - squared / spread, len(centroids))) != labels)):
        centroids[filled[moved]] = vectors[moved]
        labels, squared = nearest_mean(vectors, centroids, gpu=gpu)
    for _ in range(LAST):
        before, used = labels, np.unique(labels)
        centroids = _means(vectors, np.searchsorted(used, labels), len(used))
        labels, squared = nearest_mean(vectors, centroids, gpu=gpu)
        if np.array_equal(used[labels], before):
            break
    used, labels = np.unique(labels, return_inverse=True)
    return labels.astype(np.int64), centroids[used], float(squared.sum(dtype=np.float64))


def _means(vectors: FloatArray, labels: IntArray, k: int) -> FloatArray:
    sums = members_of(labels, k).astype(np.float64) @ vectors
    return np.asarray(sums / np.bincount(labels, minlength=k)[:, None], dtype=np.float32)
