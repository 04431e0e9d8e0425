"""One graph of likeness out of several kinds of vectors, of which a row may lack some."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .edges import Edges, check_rows, combine


@dataclass(frozen=True, slots=True, eq=False)
class Modality:
    """What one kind of vector says about likeness.

    Args:
        edges: Between nearest neighbours, weights from `edges_from_knn`: a typical neighbour weighs 1.
        has: bool (n,), the rows that have such a vector.
        share: Its weight beside the other kinds, greater than 0.
    """

    edges: Edges
    has: NDArray[np.bool_]
    share: float


def merge(modalities: Sequence[Modality], n: int) -> Edges:
    """Add up the edges of all kinds, each by its share among the kinds that both rows have.

    So a row that lacks a kind is tied by the others as firmly as any: it is not the less alike for a missing picture.

    Args:
        modalities: At least one.
        n: Number of rows.

    Returns:
        One edge a pair, source < target.

    Raises:
        ValueError: If there is no modality, a share is not positive, or `has` does not have n entries.
    """
    if not modalities:
        raise ValueError("at least one kind of vector is needed, got none")
    for each in modalities:
        if each.has.shape != (n,):
            raise ValueError(f"has must be bool ({n},), got {each.has.shape}")
        if not each.share > 0:
            raise ValueError(f"a share must be greater than 0, got {each.share}")
        check_rows(each.edges.source, each.edges.target, n=n)
    return combine(*(_shared_out(each, modalities) for each in modalities), n=n)


def _shared_out(own: Modality, modalities: Sequence[Modality]) -> Edges:
    """Weigh the edges of one kind by its share among the kinds that both ends have."""
    edges = own.edges
    total = np.zeros(len(edges), dtype=np.float32)
    for each in modalities:
        total += np.float32(each.share) * (each.has[edges.source] & each.has[edges.target])
    return Edges(edges.source, edges.target, edges.weight * np.float32(own.share) / total)
