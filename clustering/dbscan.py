"""Group rows that have enough neighbours within one distance: DBSCAN."""

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .knee import knee
from .neighbours import ROUNDED, ROWS_KEPT, NeighbourVote, nearest_rows

FloatArray = NDArray[np.float32]

POINTS = 1000  # of the curve whose knee is looked for
PROBES = 256  # rows whose neighbours are counted, to know beforehand how many all rows have
BYTES = 2 * 10**9  # of neighbours that are held at most


def dbscan(
    vectors: FloatArray, *, seed: int, eps: float | None = None, min_samples: int = 5
) -> Clustering[NeighbourVote]:
    """Join all rows that are within a distance of a row with enough neighbours (Ester, Kriegel, Sander and Xu 1996).

    Args:
        vectors: float32 (n, d), compared by Euclidean distance.
        seed: Decides which rows the model keeps, where there are too many to keep all.
        eps: The distance; None for where the curve of the distances to the neighbour `min_samples` bends, as the
            paper advises.
        min_samples: Rows within it, the row itself among them, that make it a core row.

    Returns:
        The clustering. Figures: `eps`, and `eps_from`, "the knee" or "given".

    Raises:
        ValueError: If `min_samples` is out of range, or the distance takes in too many rows.
    """
    from sklearn.cluster import DBSCAN

    n = len(vectors)
    if not 2 <= min_samples <= n:
        raise ValueError(f"min_samples must be between 2 and {n} for {n} vectors, got {min_samples}")
    radius = _bend(vectors, min_samples) if eps is None else eps
    _check_memory(vectors, radius, seed)
    machine = DBSCAN(eps=radius, min_samples=min_samples).fit(vectors)
    labels = machine.labels_.astype(np.int64)
    model = _model(vectors, labels, machine.core_sample_indices_, radius, seed)
    return Clustering(labels, model, figures={"eps": radius, "eps_from": "the knee" if eps is None else "given"})


def _bend(vectors: FloatArray, min_samples: int) -> float:
    """Find where the distances to the neighbour `min_samples`, the row itself counted, bend when sorted."""
    falling = -np.sort(-nearest_rows(vectors, vectors, min_samples)[1][:, -1].astype(np.float64))
    at = np.unique(np.linspace(0, len(falling) - 1, POINTS).round().astype(np.int64))
    found = knee(at.tolist(), falling[at].tolist())
    radius = float(falling[at[found.at]] if found else np.median(falling))
    same = np.finfo(np.float32).eps * np.linalg.norm(vectors, axis=1).max()  # copies are no farther apart than that
    return radius or float(falling.max()) or float(max(same, np.finfo(np.float32).tiny))


def _check_memory(vectors: FloatArray, radius: float, seed: int) -> None:
    """Refuse a distance within which rows have so many neighbours that listing them would not fit."""
    import faiss

    n = len(vectors)
    probes = np.random.default_rng(seed).choice(n, min(PROBES, n), replace=False)
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    each = index.range_search(vectors[probes], radius**2)[0][-1] / len(probes)
    needed = 8 * each * n
    if needed > BYTES:
        raise ValueError(
            f"within eps={radius:.4g} a row has {each:,.0f} neighbours, {needed / 1e9:.2g} GB for all {n:,} rows, "
            f"at most {BYTES / 1e9:g} GB are held: set a smaller eps, or sample=N to fit it on fewer rows"
        )


def _model(
    vectors: FloatArray, labels: NDArray[np.int64], cores: NDArray[np.int64], radius: float, seed: int
) -> NeighbourVote:
    """Let the nearest core row decide, as far as the distance reaches.

    Where only some core rows are kept it reaches farther: to where it takes in 99 of 100 rows that have a cluster.
    """
    model = NeighbourVote.of(vectors[cores], labels[cores], seed=seed, voters=1, radius=radius * (1 + ROUNDED))
    if len(cores) <= ROWS_KEPT:
        return model
    reach = float(np.quantile(nearest_rows(model.rows, vectors[labels >= 0], 1)[1], 0.99))
    return NeighbourVote(model.rows, model.labels, 1, max(reach, radius))
