"""Merge the two nearest clusters until few are left: a tree of all rows, cut by count or by distance."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .neighbours import NeighbourVote

FloatArray = NDArray[np.float32]
Merges = NDArray[np.float64]

DRAWN = 50  # clusters whose tree is kept
Linkage = Literal["ward", "average", "complete"]


def agglomerative(
    vectors: FloatArray, *, seed: int, k: int | None = None, threshold: float | None = None, linkage: Linkage = "ward"
) -> Clustering[NeighbourVote]:
    """Cut the tree of merges into k clusters, or where merges pass a distance.

    Args:
        vectors: float32 (n, d), compared by Euclidean distance; memory grows with the square of n.
        seed: Decides which rows the model keeps, where there are too many to keep all.
        k: Number of clusters.
        threshold: Distance up to which clusters are merged, in the terms of the linkage.
        linkage: What makes clusters near, see `dendrogram`.

    Returns:
        The clustering. Figures: `linkage`; `cut`, the distance of the first merge that was not made; and `tree`, the
        merges above the cut as `above` gives them, where there are no more than `DRAWN` clusters.

    Raises:
        ValueError: If not exactly one of `k` and `threshold` is given, or it is out of range.
    """
    n = len(vectors)
    if (k is None) == (threshold is None):
        raise ValueError("agglomerative is cut by k or by threshold, set one of the two; `assort choose-k` finds a k")
    if k is not None and not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k}")
    merges = dendrogram(vectors, linkage)
    made = n - k if k is not None else int(np.searchsorted(merges[:, 2], threshold or 0, side="right"))
    labels = cut(merges, made)
    figures: dict[str, Any] = {"linkage": linkage, "cut": float(merges[made, 2]) if made < n - 1 else None}
    if 1 < n - made <= DRAWN:
        figures["tree"] = above(merges, made, labels).tolist()
    return Clustering(labels, NeighbourVote.of(vectors, labels, seed=seed), figures=figures)


def dendrogram(vectors: FloatArray, linkage: Linkage) -> Merges:
    """List the merges of rows into one cluster, nearest first (Müllner 2011).

    Args:
        vectors: float32 (n, d), compared by Euclidean distance.
        linkage: Distance of two clusters: `ward`, by how much the squared distances to the mean grow (Ward 1963);
            `average`, the mean of the distances of their rows; `complete`, the largest.

    Returns:
        float64 (n - 1, 4), a linkage matrix as SciPy has it: two clusters, their distance, the rows of both.
    """
    from scipy.cluster.hierarchy import linkage as merge

    return np.asarray(merge(vectors.astype(np.float64), linkage), dtype=np.float64)


def above(merges: Merges, made: int, labels: NDArray[np.int64]) -> Merges:
    """Give the merges that a cut does not make, as those of a tree whose leaves are the clusters.

    Args:
        merges: float64 (n - 1, 4), a linkage matrix.
        made: How many of the merges are made.
        labels: int64 (n,), as `cut` gives them: the numbers of the leaves.

    Returns:
        float64 (k - 1, 4) for k clusters, a linkage matrix; its last column counts clusters.
    """
    n = len(merges) + 1
    k, top = n - made, np.array(merges[made:])
    sizes = dict.fromkeys(range(k), 1)
    for row, merge in enumerate(top):
        for side in (0, 1):
            node = int(merge[side])
            if node >= n + made:
                merge[side] = k + node - (n + made)
                continue
            while node >= n:
                node = int(merges[node - n, 0])
            merge[side] = labels[node]
        merge[3] = sizes[k + row] = sizes[int(merge[0])] + sizes[int(merge[1])]
    return top


def cut(merges: Merges, made: int) -> NDArray[np.int64]:
    """Label the clusters that stand after so many merges.

    Args:
        merges: float64 (n - 1, 4), a linkage matrix.
        made: How many of the merges to make, the nearest first.

    Returns:
        int64 (n,), numbered from 0 on.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(merges) + 1
    parents = np.repeat(np.arange(n, n + made), 2)
    children = merges[:made, :2].astype(np.int64).ravel()
    tree = coo_array((np.ones(len(parents), bool), (parents, children)), shape=(2 * n - 1, 2 * n - 1))
    joined = connected_components(tree, directed=False)[1][:n]
    return np.unique(joined, return_inverse=True)[1].astype(np.int64)
