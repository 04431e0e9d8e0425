"""Every pair of rows compared: nothing is missed. On the GPU when Faiss finds one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ON_PROCESSOR = 10**7
"""Pairs up to which a processor is done before they have reached a GPU."""

ON_GPU = 10**13
"""Pairs beyond which a GPU would take minutes, too: 3 million rows and each other."""

TILE = 2**31
"""Bytes of queries, and of rows, that lie on the GPU at a time."""


def on_gpu(queries: int, rows: int) -> bool:
    """Say whether a GPU is here to compare so many queries with so many rows, and worth while for that."""
    import faiss

    return ON_PROCESSOR < queries * rows <= ON_GPU and int(getattr(faiss, "get_num_gpus", int)()) > 0


def exact_search(
    queries: NDArray[np.float32], base: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Compare each query with every row of `base`.

    Args:
        queries: float32 (q, dim).
        base: float32 (n, dim).
        k: Answers a query, between 1 and n.

    Returns:
        Inner products float32 (q, k), largest first, and rows int64 (q, k).
    """
    import faiss

    queries, base = np.ascontiguousarray(queries), np.ascontiguousarray(base)
    metric = faiss.METRIC_INNER_PRODUCT
    found: tuple[NDArray[np.float32], NDArray[np.int64]]
    if on_gpu(len(queries), len(base)):
        limits: dict[str, Any] = {"vectorsMemoryLimit": TILE, "queriesMemoryLimit": TILE}
        found = faiss.knn_gpu(faiss.StandardGpuResources(), queries, base, k, metric=metric, **limits)
    else:
        found = faiss.knn(queries, base, k, metric=metric)
    return found
