"""Group unit vectors around centroids: spherical k-means, started by Faiss, on the GPU when it finds one.

Comparing n rows with k centroids is what k-means spends its time on, so it is done once or twice and not every round:
Faiss finds a start from a sample, rounds that look only at centroids nearby improve it, one exact pass ends it.
Thousands of clusters start on two levels, coarse cells first and then clusters inside each: some 2 * n * sqrt(k)
comparisons. A GPU compares everything with everything, every round.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .centroids import mean_directions
from .clustering import Clustering
from .polish import fill_empty, polish

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

ONE_LEVEL = 1024  # clusters found in one go
ONE_LEVEL_GPU = 32_768  # the same on a GPU
OFFERS = 5  # rows in a cell for identity: a handful of offers of one product
TRAINING = 64  # rows of a sample for each centroid
START = 5  # rounds of Lloyd's algorithm before the rest is left to polishing
UNIT = 1e-3  # by which the length of a row may differ from 1


def identity_k(n: int) -> tuple[int, str]:
    """Choose how many cells k-means should cut a catalogue into before identity is refined.

    Args:
        n: Number of products.

    Returns:
        k, and in words how it was chosen.
    """
    k = max(1, round(n / OFFERS))
    return (
        k,
        f"k = {k:,}: {n:,} products at about {OFFERS} to a cell, a handful of offers each",
    )


def kmeans(
    vectors: FloatArray,
    k: int,
    *,
    seed: int,
    iterations: int = 20,
    progress: Callable[[int], object] | None = None,
) -> Clustering:
    """Group rows into k clusters by the cosine to their centroids (Dhillon and Modha 2001).

    Rows that are identical cannot be told apart: where there are fewer than k different ones, fewer clusters come out.

    Args:
        vectors: float32 (n, d), rows of length 1.
        k: Number of clusters.
        seed: Decides where centroids start.
        iterations: At most so many rounds in which rows and centroids move; it ends sooner when they hardly do.
        progress: Called with the share of the work done since it was last called, counted in rows, n in all.

    Returns:
        The clustering; its device says where it ran.

    Raises:
        ValueError: If there are fewer rows than clusters, or rows are not unit vectors.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(vectors)
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k}")
    _check_lengths(vectors)
    gpu, done = _gpus() > 0, _in_rows(progress, n)
    if k > (ONE_LEVEL_GPU if gpu else ONE_LEVEL):
        labels = _two_levels(vectors, k, seed=seed, gpu=gpu, progress=lambda share: done(share / 2))
        labels = polish(vectors, labels, k, rounds=iterations, progress=lambda share: done((1 + share) / 2))
    elif gpu or k == 1:
        labels = _lloyd(vectors, k, seed=seed, iterations=iterations, gpu=gpu)
    else:
        labels = _lloyd(vectors, k, seed=seed, iterations=START, gpu=False, sample=TRAINING)
        labels = polish(vectors, labels, k, rounds=iterations, progress=lambda share: done((1 + 2 * share) / 4))
        labels = fill_empty(*_nearest(vectors, mean_directions(vectors, labels, k)[0]), k)
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    centroids, inertia = mean_directions(vectors, labels, int(labels.max()) + 1)
    done(1)
    return Clustering(labels, centroids, inertia, seed, "gpu" if gpu else "cpu")


def _check_lengths(vectors: FloatArray) -> None:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT))
    if len(wrong):
        raise ValueError(
            f"rows must have length 1, row {wrong[0]} has length {lengths[wrong[0]]:.3g}: normalise the vectors first"
        )


def _in_rows(progress: Callable[[int], object] | None, n: int) -> Callable[[float], None]:
    """Tell a bar that counts rows what share of all the work is done."""
    told = 0

    def done(share: float) -> None:
        nonlocal told
        rows = round(share * n)
        if progress is not None and rows > told:
            progress(rows - told)
            told = rows

    return done


def _gpus() -> int:
    import faiss

    return int(getattr(faiss, "get_num_gpus", int)())


def _nearest(vectors: FloatArray, centroids: FloatArray) -> tuple[IntArray, FloatArray]:
    """Label each row with the nearest of all centroids; also measure the cosine to it."""
    import faiss

    cosines, labels = faiss.knn(vectors, centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(labels.ravel(), dtype=np.int64), np.asarray(cosines.ravel(), dtype=np.float32)


def _lloyd(
    vectors: FloatArray, k: int, *, seed: int, iterations: int, gpu: bool, sample: int | None = None
) -> IntArray:
    """Run one k-means of Faiss, on a sample of so many rows a centroid, and label every row."""
    import faiss

    if k == 1:
        return np.zeros(len(vectors), np.int64)
    options: dict[str, Any] = {
        "niter": iterations,
        "seed": seed % 2**31,
        "spherical": True,
        "min_points_per_centroid": 1,
        "max_points_per_centroid": sample or len(vectors),
    }
    machine = faiss.Kmeans(vectors.shape[1], k, gpu=gpu, **options)
    machine.train(vectors)
    cosines, labels = machine.index.search(vectors, 1)
    return fill_empty(labels.ravel().astype(np.int64), cosines.ravel(), k)


def _two_levels(vectors: FloatArray, k: int, *, seed: int, gpu: bool, progress: Callable[[float], object]) -> IntArray:
    """Cut into about sqrt(k) coarse cells, and each of these into its share of the k clusters."""
    from threadpoolctl import threadpool_limits

    coarse = _lloyd(vectors, round(np.sqrt(k)), seed=seed, iterations=2 * START, gpu=gpu, sample=TRAINING)
    order = np.argsort(coarse, kind="stable")
    sizes = np.bincount(coarse)
    labels = np.empty(len(vectors), np.int64)
    used = placed = 0
    with threadpool_limits(1, user_api="blas"):  # several threads take 5 times as long over such small products
        for rows, share in zip(np.split(order, np.cumsum(sizes)[:-1]), _shares(sizes, k), strict=True):
            if len(rows) == 0:
                continue
            labels[rows] = used + _lloyd(vectors[rows], int(share), seed=seed, iterations=START, gpu=gpu)
            used += int(share)
            placed += len(rows)
            progress(placed / len(vectors))
    return labels


def _shares(sizes: IntArray, k: int) -> IntArray:
    """Share k clusters out to cells in proportion to their sizes: at least one to each that has rows, k in all."""
    exact = k * sizes / sizes.sum()
    shares = np.minimum(np.maximum(np.floor(exact).astype(np.int64), sizes > 0), sizes)
    missing = k - int(shares.sum())
    if missing > 0:
        room = np.flatnonzero(shares < sizes)
        largest = room[np.argsort(-(exact - shares)[room], kind="stable")[:missing]]
        shares[largest] += 1
    elif missing < 0:
        spare = np.flatnonzero(shares > 1)
        smallest = spare[np.argsort((exact - shares)[spare], kind="stable")[:-missing]]
        shares[smallest] -= 1
    return np.asarray(shares, dtype=np.int64)
