"""Group rows around centroids that are learned from small batches: for catalogues that k-means is slow on."""

import warnings

import numpy as np
from numpy.typing import NDArray

from .centroids import Centroids, nearest_mean
from .clustering import Clustering

FloatArray = NDArray[np.float32]


def minibatch_kmeans(
    vectors: FloatArray, k: int, *, seed: int, batch_size: int = 1024, iterations: int = 100
) -> Clustering[Centroids]:
    """Group rows into k clusters by mini-batch k-means (Sculley 2010).

    Args:
        vectors: float32 (n, d), compared by Euclidean distance.
        k: Number of clusters; fewer come out where fewer centroids have rows.
        seed: Decides the start and the batches.
        batch_size: Rows looked at before centroids move.
        iterations: At most so many times through all rows; it ends sooner when centroids hardly move.

    Returns:
        The clustering, each row in the cluster of its nearest centroid. Figures: `inertia`, the sum of squared
        distances to these.

    Raises:
        ValueError: If there are fewer rows than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    n = len(vectors)
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k}")
    machine = MiniBatchKMeans(k, batch_size=batch_size, max_iter=iterations, n_init=3, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer than k different rows: fewer clusters come out
        machine.fit(vectors)
    centroids = machine.cluster_centers_.astype(np.float32)
    nearest, squared = nearest_mean(vectors, centroids)
    used, labels = np.unique(nearest, return_inverse=True)
    figures = {"inertia": float(squared.sum(dtype=np.float64))}
    return Clustering(labels.astype(np.int64), Centroids(centroids[used], spherical=False), figures=figures)
