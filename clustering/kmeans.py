"""Group rows around centroids: k-means by Faiss, on the GPU when it finds one and there is work enough for it.

Rows of length 1 are grouped by direction, all others by distance (`lloyd`). For directions, comparing n rows with k
centroids is what k-means spends its time on, so it is done once or twice and not every round: Faiss finds a start from
a sample, rounds that look only at centroids nearby improve it, one exact pass ends it.
Thousands of clusters start on two levels, coarse cells first and then clusters inside each: some 2 * n * sqrt(k)
comparisons. A GPU compares everything with everything, every round.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .centroids import Centroids, mean_directions, nearest_direction
from .clustering import Clustering
from .lloyd import lloyd
from .polish import fill_empty, polish
from .progress import in_rows
from .rows import check_values, of_length_one

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

ONE_LEVEL = 1024  # clusters found in one go
ONE_LEVEL_GPU = 32_768  # the same on a GPU
OFFERS = 5  # rows in a cell for identity: a handful of offers of one product
TRAINING = 64  # rows of a sample for each centroid
START = 5  # rounds of Lloyd's algorithm before the rest is left to polishing
STARTS = 10  # of which the best goes on
EFFORT = 10**7  # rows times clusters beyond which there is one start, from rows drawn at random, and a GPU worth while


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
) -> Clustering[Centroids]:
    """Group rows into k clusters around centroids.

    Rows of length 1 by the cosine to centroids of length 1 (Dhillon and Modha 2001), others by the distance to their
    means (Lloyd 1982). Rows that are identical cannot be told apart: where there are fewer than k different ones, fewer
    clusters come out.

    Args:
        vectors: float32 (n, d).
        k: Number of clusters.
        seed: Decides where centroids start.
        iterations: At most so many rounds in which rows and centroids move; it ends sooner when they hardly do.
        progress: Called with the share of the work done since it was last called, counted in rows, n in all.

    Returns:
        The clustering, each row in the cluster of its nearest centroid (nearly each where there are more than
        `ONE_LEVEL`). Figures: `inertia`, the sum of squared distances to these centroids; `device`, where it ran.

    Raises:
        ValueError: If there are fewer rows than clusters, or a value is no finite number or past 1e15.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(vectors)
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k}")
    check_values(vectors)
    spherical, gpu, done = of_length_one(vectors), n * k > EFFORT and _gpus() > 0, in_rows(progress, n)
    group = _by_direction if spherical else lloyd
    labels, centroids, inertia = group(vectors, k, seed=seed, iterations=iterations, gpu=gpu, progress=done)
    done(1)
    figures = {"inertia": inertia, "device": "gpu" if gpu else "cpu"}
    return Clustering(labels, Centroids(centroids, spherical), figures=figures)


def _by_direction(
    vectors: FloatArray, k: int, *, seed: int, iterations: int, gpu: bool, progress: Callable[[float], None]
) -> tuple[IntArray, FloatArray, float]:
    """Find labels, centroids and inertia of spherical k-means."""
    if k > (ONE_LEVEL_GPU if gpu else ONE_LEVEL):
        labels = _two_levels(vectors, k, seed=seed, gpu=gpu, progress=lambda share: progress(share / 2))
        labels = polish(vectors, labels, k, rounds=iterations, progress=lambda share: progress((1 + share) / 2))
        labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        return labels, *mean_directions(vectors, labels, int(labels.max()) + 1)
    if gpu or k == 1:
        labels = _lloyd(vectors, k, seed=seed, iterations=iterations, gpu=gpu)
    else:
        if len(vectors) * k <= EFFORT:
            labels = _best_start(vectors, k, seed=seed)
        else:
            labels = _lloyd(vectors, k, seed=seed, iterations=START, gpu=False, sample=TRAINING)
        labels = polish(vectors, labels, k, rounds=iterations, progress=lambda share: progress((1 + 2 * share) / 4))
    return _settled(vectors, mean_directions(vectors, labels, k)[0], gpu=gpu)


def _settled(vectors: FloatArray, centroids: FloatArray, *, gpu: bool) -> tuple[IntArray, FloatArray, float]:
    """Label every row with the nearest centroid, after empty clusters have been given the rows farthest from theirs."""
    labels, cosines = nearest_direction(vectors, centroids, gpu=gpu)
    while len(moved := np.flatnonzero((filled := fill_empty(labels, cosines, len(centroids))) != labels)):
        centroids[filled[moved]] = vectors[moved]
        labels, cosines = nearest_direction(vectors, centroids, gpu=gpu)
    used, labels = np.unique(labels, return_inverse=True)
    inertia = 2 * len(vectors) - 2 * float(cosines.sum(dtype=np.float64))
    return labels.astype(np.int64), centroids[used], max(inertia, 0.0)


def _gpus() -> int:
    import faiss

    return int(getattr(faiss, "get_num_gpus", int)())


def _best_start(vectors: FloatArray, k: int, *, seed: int) -> IntArray:
    """Label every row by the best of several starts, each from k-means++ (Arthur and Vassilvitskii 2007)."""
    import faiss
    from sklearn.cluster import kmeans_plusplus

    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {
        "niter": 2 * START,
        "min_points_per_centroid": 1,
        "max_points_per_centroid": len(vectors),
    }
    best, highest = vectors[:k], -np.inf
    for _ in range(STARTS):
        start = np.ascontiguousarray(kmeans_plusplus(vectors, k, random_state=int(rng.integers(2**31)))[0], np.float32)
        machine: Any = faiss.Kmeans(vectors.shape[1], k, spherical=True, **options)
        machine.train(vectors, init_centroids=start)
        closeness = float(nearest_direction(vectors, machine.centroids)[1].sum(dtype=np.float64))
        if closeness > highest:
            best, highest = np.array(machine.centroids), closeness
    return fill_empty(*nearest_direction(vectors, best), k)


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
            worth = gpu and len(rows) * int(share) > EFFORT
            labels[rows] = used + _lloyd(vectors[rows], int(share), seed=seed, iterations=START, gpu=worth)
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
