"""Lay rows out in few dimensions so that neighbours stay neighbours: UMAP."""

import warnings

import numpy as np
from numpy.typing import NDArray

from .neighbours import nearest_rows

FloatArray = NDArray[np.float32]

FEWEST = 4  # rows that can be laid out
EXACT_UP_TO = 50_000  # rows whose neighbours Faiss finds by comparing all with all; UMAP's own search pays off beyond


def reduce(vectors: FloatArray, dims: int, *, seed: int, neighbours: int = 15, min_dist: float = 0.0) -> FloatArray:
    """Lay rows out by UMAP (McInnes, Healy and Melville 2018).

    Args:
        vectors: float32 (n, d), compared by Euclidean distance.
        dims: Dimensions of the layout.
        seed: The same seed and rows give the same layout; it runs on one core for that.
        neighbours: Rows each is kept near to, itself counted; more shows more of the whole.
        min_dist: How close rows may be packed: 0 for clustering, 0.1 for a picture.

    Returns:
        float32 (n, dims).

    Raises:
        ValueError: If there are too few rows, or `dims` or `neighbours` is out of range.
    """
    n = len(vectors)
    if n < FEWEST:
        raise ValueError(f"UMAP needs at least {FEWEST} rows, got {n}: use kmeans for so few")
    if dims < 1 or neighbours < 2:
        raise ValueError(f"UMAP needs dims of at least 1 and neighbours of at least 2, got {dims} and {neighbours}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # that there is no TensorFlow, which nothing here needs
        from umap import UMAP
    neighbours = min(neighbours, n - 1)
    near = nearest_rows(vectors, vectors, neighbours) if n <= EXACT_UP_TO else (None, None)
    machine = UMAP(
        n_components=dims,
        n_neighbors=neighbours,
        min_dist=min_dist,
        init="spectral" if n > dims + 2 else "random",
        precomputed_knn=(*near, None),
        random_state=seed % 2**32,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # New rows are placed without UMAP. Where the graph falls apart, or has no spectrum, UMAP finds another start.
        for text in ("precomputed_knn.* is not an NNDescent", "Graph is not fully connected", "[Ss]pectral init"):
            warnings.filterwarnings("ignore", f".*{text}")
        places = machine.fit_transform(vectors)
    return np.ascontiguousarray(places, dtype=np.float32)
