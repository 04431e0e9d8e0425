"""The middles of clusters: the model of k-means, which rows are nearest to which, and which are neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .models import Arrays, check_width
from .rows import members_of

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

EXACT_UP_TO = 4096  # centroids beyond which neighbours are searched approximately
GROUP_TRAINING = 64  # centroids that each group is placed by


@dataclass(frozen=True, slots=True, eq=False)
class Centroids:
    """Put new rows into the cluster of the nearest centroid.

    Args:
        centroids: float32 (k, d).
        spherical: Whether nearest is the highest cosine, to rows and centroids of length 1, or the smallest distance.
    """

    kind: ClassVar[str] = "centroids"
    centroids: FloatArray
    spherical: bool

    def predict(self, vectors: FloatArray) -> tuple[IntArray, None]:
        """Find the nearest centroid of each row, float32 (m, d)."""
        check_width(vectors, self.centroids.shape[1])
        return (nearest_direction if self.spherical else nearest_mean)(vectors, self.centroids)[0], None

    def arrays(self) -> Arrays:
        """Give the centroids."""
        return {"centroids": self.centroids}

    def settings(self) -> Mapping[str, Any]:
        """Give what nearest means."""
        return {"spherical": self.spherical}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""
        return cls(arrays["centroids"], settings["spherical"])


def nearest_direction(vectors: FloatArray, centroids: FloatArray, *, gpu: bool = False) -> tuple[IntArray, FloatArray]:
    """Find the centroid of the highest cosine to each row.

    Args:
        vectors: float32 (m, d), rows of length 1.
        centroids: float32 (k, d), rows of length 1.
        gpu: Whether to work on the GPUs.

    Returns:
        int64 (m,), and the cosines, float32 (m,).
    """
    import faiss

    return _search(faiss.IndexFlatIP(vectors.shape[1]), vectors, centroids, gpu=gpu)


def nearest_mean(vectors: FloatArray, centroids: FloatArray, *, gpu: bool = False) -> tuple[IntArray, FloatArray]:
    """Find the centroid of the smallest Euclidean distance to each row.

    Args:
        vectors: float32 (m, d).
        centroids: float32 (k, d).
        gpu: Whether to work on the GPUs.

    Returns:
        int64 (m,), and the squared distances, float32 (m,), none below 0.
    """
    import faiss

    middle = centroids.mean(axis=0, dtype=np.float64).astype(np.float32)  # far from 0, squares are all alike
    index = faiss.IndexFlatL2(vectors.shape[1])
    labels, squared = _search(index, vectors - middle, centroids - middle, gpu=gpu)
    return labels, np.maximum(squared, 0)


def _search(index: Any, vectors: FloatArray, centroids: FloatArray, *, gpu: bool) -> tuple[IntArray, FloatArray]:
    import faiss

    index = faiss.index_cpu_to_all_gpus(index) if gpu else index
    index.add(np.ascontiguousarray(centroids))
    scores, labels = index.search(np.ascontiguousarray(vectors, dtype=np.float32), 1)
    return labels.ravel().astype(np.int64), scores.ravel()


def mean_directions(vectors: FloatArray, labels: IntArray, k: int) -> tuple[FloatArray, float]:
    """Find the centroids of spherical k-means, and how far rows are from them (Dhillon and Modha 2001).

    Args:
        vectors: float32 (n, d), rows of length 1.
        labels: int64 (n,), below k; rows of -1 count for nothing.
        k: Number of clusters.

    Returns:
        The mean of each cluster scaled to length 1, float32 (k, d): its first row where its rows cancel out, zeros
        where it has none; and inertia, the sum of squared distances of rows to their centroids.
    """
    members = members_of(labels, k)
    sums = np.asarray(members @ vectors)
    lengths = np.linalg.norm(sums, axis=1)
    cancelled = np.flatnonzero((lengths <= 1e-6) & (np.diff(members.indptr) > 0))
    sums[cancelled] = vectors[members.indices[members.indptr[cancelled]]]
    inertia = 2 * members.nnz - 2 * float(lengths.sum(dtype=np.float64))
    lengths[cancelled] = 1
    sums /= np.maximum(lengths, 1e-6)[:, None]
    return sums, max(inertia, 0.0)


def nearest_centroids(centroids: FloatArray, count: int, *, probes: int) -> IntArray:
    """List for each centroid those of the highest cosine, itself among them.

    Args:
        centroids: float32 (k, d), rows of length 1.
        count: How many to list.
        probes: How many of some sqrt(k) groups of centroids to search for the neighbours of one, where there are too
            many centroids to compare all with all.

    Returns:
        int64 (k, count or k), nearest first; -1 where too few were found.
    """
    import faiss

    k, dim = centroids.shape
    index: Any = faiss.IndexFlatIP(dim)
    if k > EXACT_UP_TO:
        index = faiss.IndexIVFFlat(index, dim, int(np.sqrt(k)), faiss.METRIC_INNER_PRODUCT)
        index.cp.max_points_per_centroid = GROUP_TRAINING
        index.nprobe = probes
        index.train(centroids)
    index.add(centroids)
    near = np.asarray(index.search(centroids, min(count, k))[1], dtype=np.int64)
    own = np.arange(k)
    lost = np.flatnonzero((near != own[:, None]).all(1))  # among many copies of one centroid
    near[lost, 0] = own[lost]
    return near
