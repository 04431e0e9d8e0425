"""Grade a partition by its graph: how much of the weight stays inside, and how much leaves each community."""

import numpy as np
from numpy.typing import NDArray

from .edges import Edges, check_rows


def coverage(edges: Edges, labels: NDArray[np.int64]) -> float:
    """Say which share of the edges' weight lies inside communities.

    Fortunato, "Community detection in graphs", Physics Reports 2010. One community of everything has 1, so it is to be
    read beside modularity or conductance.

    Args:
        edges: Undirected weighted edges.
        labels: int64 (n,), 0 or more.

    Returns:
        0 to 1; 1 for a graph without edges.

    Raises:
        ValueError: If an edge names a row outside the labels.
    """
    check_rows(edges.source, edges.target, n=len(labels))
    if len(edges) == 0:
        return 1.0
    weight = edges.weight.astype(np.float64)
    return float(weight[labels[edges.source] == labels[edges.target]].sum() / weight.sum())


def conductance(edges: Edges, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Say for each community which share of its edges' ends leads out of it.

    Kannan, Vempala and Vetta, "On clusterings: good, bad and spectral", JACM 2004: the weight cut, over the smaller of
    the weights of all edge ends inside and outside of the community.

    Args:
        edges: Undirected weighted edges.
        labels: int64 (n,), 0 or more.

    Returns:
        float64 (k,), k the highest label + 1: 0 to 1, the lower the better; NaN where a community has no edge, or none
        but itself has any.

    Raises:
        ValueError: If an edge names a row outside the labels.
    """
    check_rows(edges.source, edges.target, n=len(labels))
    k = int(labels.max(initial=-1)) + 1
    weight = edges.weight.astype(np.float64)
    source, target = labels[edges.source], labels[edges.target]
    volume = np.bincount(source, weight, minlength=k) + np.bincount(target, weight, minlength=k)
    out = source != target
    cut = np.bincount(source[out], weight[out], minlength=k) + np.bincount(target[out], weight[out], minlength=k)
    smaller = np.minimum(volume, volume.sum() - volume)
    found: NDArray[np.float64] = np.divide(cut, smaller, out=np.full(k, np.nan), where=smaller > 0)
    return found
