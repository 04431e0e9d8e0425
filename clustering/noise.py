"""Rows that belong nowhere: kept apart, or put into the nearest cluster."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .clustering import NOISE, Clustering
from .density import Density
from .models import Model
from .neighbours import NeighbourVote
from .reduced import Reduced

FloatArray = NDArray[np.float32]


def to_nearest(found: Clustering[Model], vectors: FloatArray, *, seed: int) -> Clustering[Model]:
    """Put noise into the clusters of its nearest neighbours that have one.

    Args:
        found: Any clustering.
        vectors: float32 (n, d), its rows.
        seed: Decides which rows speak for the clusters, where there are too many to keep all.

    Returns:
        A clustering without noise, whose model makes none either; the memberships of rows that were noise stay 0. Its
        figures say `was_noise`, how many rows that are.

    Raises:
        ValueError: If all rows are noise.
    """
    if not makes_noise(found.model):
        return found
    lost = found.labels == NOISE
    if lost.all():
        raise ValueError(f"all {len(lost):,} rows are noise, so no cluster is nearest: set it to find smaller ones")
    labels = found.labels.copy()
    if lost.any():
        labels[lost] = NeighbourVote.of(vectors[~lost], found.labels[~lost], seed=seed).predict(vectors[lost])[0]
    figures = {**found.figures, "was_noise": found.noise}
    return replace(found, labels=labels, model=NeighbourVote.of(vectors, labels, seed=seed), figures=figures)


def makes_noise(model: Model) -> bool:
    """Say whether a model may find that a row belongs nowhere."""
    match model:
        case Density():
            return True
        case NeighbourVote():
            return model.radius is not None or bool((model.labels == NOISE).any())
        case Reduced():
            return makes_noise(model.inner)
    return False
