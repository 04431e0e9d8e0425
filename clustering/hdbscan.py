"""Group rows by density at every scale, leaving what lies in no dense place as noise: HDBSCAN."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .density import Density

FloatArray = NDArray[np.float32]
Selection = Literal["eom", "leaf"]


def hdbscan(
    vectors: FloatArray,
    *,
    seed: int,
    min_cluster_size: int = 15,
    min_samples: int | None = None,
    selection: Selection = "eom",
) -> Clustering[Density]:
    """Find the clusters that outlast a fall in density (Campello, Moulavi and Sander 2013).

    Args:
        vectors: float32 (n, d), compared by Euclidean distance.
        seed: Decides which rows the model keeps, where there are too many to keep all.
        min_cluster_size: Rows a cluster has at least.
        min_samples: Neighbours that make a place dense; None for as many as `min_cluster_size`, or as
            there are others. More makes more noise.
        selection: `eom`, excess of mass, the clusters that last longest; `leaf`, the smallest ones.

    Returns:
        The clustering; memberships say how near a row's density comes to the highest of its cluster.

    Raises:
        ValueError: If there are too few rows for one cluster.
    """
    from hdbscan import HDBSCAN

    n = len(vectors)
    if not 2 <= min_cluster_size <= n:
        raise ValueError(
            f"min_cluster_size must be {'2' if n == 2 else f'between 2 and {n}'} for {n} vectors, "
            f"got {min_cluster_size}: set another, or use kmeans for so few"
        )
    dense = min(min_cluster_size, n - 1) if min_samples is None else min_samples
    if not 1 <= dense < n:
        raise ValueError(f"min_samples must be between 1 and {n - 1} for {n} vectors, got {dense}")
    machine = HDBSCAN(
        min_cluster_size=min_cluster_size,
        min_samples=dense,
        cluster_selection_method=selection,
        core_dist_n_jobs=1,  # with more it starts processes, which take longer to begin than most catalogues to do
        prediction_data=True,
    ).fit(vectors.astype(np.float64))
    labels = machine.labels_.astype(np.int64)
    model = Density.of(vectors, labels, machine, min_samples=dense, seed=seed)
    return Clustering(labels, model, machine.probabilities_.astype(np.float32))
