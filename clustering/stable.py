"""Cluster numbers that last: a new partition takes over the numbers of the old one where clusters live on."""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def keep_numbers(labels: Labels, previous: Labels, *, above: int = -1) -> Labels:
    """Renumber clusters so that each one that lives on keeps its number.

    A new cluster takes an old number when the two are each other's largest overlap (Greene, Doyle & Cunningham 2010
    match communities over time the same way, by Jaccard above a threshold). Every other cluster gets a number above
    all old ones and `above`, larger clusters first.

    Args:
        labels: int64 (n,), the new clusters, numbered in any way; -1 is noise and stays.
        previous: int64 (n,), the old number of each row, -1 where it had none.
        above: A number that no new cluster may have, nor any below it: something is still known by it.

    Returns:
        int64 (n,): the same partition as `labels`.

    Raises:
        ValueError: If the two differ in length.
    """
    if labels.shape != previous.shape:
        raise ValueError(f"labels and previous must have one entry a row, got {labels.shape} and {previous.shape}")
    clusters, new, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    numbers = np.full(len(clusters), -1, dtype=np.int64)
    both = (labels >= 0) & (previous >= 0)
    pairs, overlap = np.unique(np.stack([new[both], previous[both]]), axis=1, return_counts=True)
    mutual = _is_first_of(pairs[0], overlap, pairs[1]) & _is_first_of(pairs[1], overlap, pairs[0])
    numbers[pairs[0][mutual]] = pairs[1][mutual]
    fresh = np.flatnonzero((numbers < 0) & (clusters >= 0))
    fresh = fresh[np.lexsort((clusters[fresh], -sizes[fresh]))]
    numbers[fresh] = previous.max(initial=above) + 1 + np.arange(len(fresh))
    return numbers[new]


def _is_first_of(group: Labels, overlap: Labels, other: Labels) -> NDArray[np.bool_]:
    """Mark the pair of largest overlap in each group, the smaller other number among equals."""
    order = np.lexsort((other, -overlap, group))
    first = np.zeros(len(group), dtype=bool)
    if len(group):
        first[order[np.r_[True, group[order][1:] != group[order][:-1]]]] = True
    return first
