"""Find the pairs of rows worth scoring: titles that share rare tokens, vectors close together in neighbouring cells."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

IntArray = NDArray[np.int64]

BLOCK = 4096  # titles compared at once; bounds memory
COARSE_ABOVE = 4096  # cells beyond which their neighbours are searched approximately


def pairs_sharing_tokens(matrix: sparse.csr_matrix, *, neighbours: int, max_holders: int) -> tuple[IntArray, IntArray]:
    """Pair every title with those it shares the most and the rarest tokens with.

    Titles are compared by the cosine of their tokens weighted by inverse document frequency (Spaerck Jones 1972).

    Args:
        matrix: Ones, CSR (n titles, tokens).
        neighbours: Partners to keep for each title.
        max_holders: Tokens in more titles than this bring no pairs of their own; keeps the work linear in n.

    Returns:
        Rows int64 (m,) and int64 (m,), the first below the second, no pair twice.
    """
    n = matrix.shape[0]
    holders = np.bincount(matrix.indices, minlength=matrix.shape[1])
    idf = np.log((n + 1) / np.maximum(holders, 1)).astype(np.float32)
    weighted = (matrix @ sparse.diags(idf)).tocsr()
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    weighted = sparse.diags(1 / np.maximum(norms, 1e-9)).astype(np.float32) @ weighted
    rare = weighted[:, (holders > 1) & (holders <= max_holders)].tocsr()
    found = [
        _best_of_rows(rare[start : start + BLOCK] @ rare.T, start, neighbours) for start in range(0, n, BLOCK)
    ] or [(np.empty(0, np.int64), np.empty(0, np.int64))]
    return unique_pairs(np.concatenate([rows for rows, _ in found]), np.concatenate([cols for _, cols in found]), n)


def _best_of_rows(similarity: sparse.csr_matrix, start: int, neighbours: int) -> tuple[IntArray, IntArray]:
    """Keep the largest entries of each row, not counting the row itself; ties go to the lower column."""
    rows = np.repeat(np.arange(similarity.shape[0]), np.diff(similarity.indptr))
    cols = similarity.indices.astype(np.int64)
    order = np.lexsort((cols, -similarity.data, rows))
    order = order[cols[order] != rows[order] + start]
    rows, cols = rows[order], cols[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[place < neighbours] + start, cols[place < neighbours]


def pairs_in_cells(
    vectors: NDArray[np.float32], cells: IntArray, *, neighbours: int, nearby: int
) -> tuple[IntArray, IntArray]:
    """Pair every row with the nearest in its own cell and in the cells next to it.

    Args:
        vectors: float32 (n, d), rows of length 1.
        cells: int64 (n,), from 0, as k-means gives them.
        neighbours: Partners to keep for each row.
        nearby: How many cells to look into, the own one included.

    Returns:
        Rows int64 (m,) and int64 (m,), the first below the second, no pair twice.
    """
    import faiss
    from faiss.contrib import ivf_tools

    tools: Any = ivf_tools  # untyped
    n, dim = vectors.shape
    if n < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cells = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    near = _nearby_cells(vectors, cells, nearby)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, len(near), faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True  # the cells are given, there is nothing to train
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    tools.add_preassigned(index, vectors, cells)
    index.nprobe = near.shape[1]
    found = tools.search_preassigned(index, vectors, min(neighbours + 1, n), near[cells])[1]
    rows = np.repeat(np.arange(n), found.shape[1])
    cols = found.ravel().astype(np.int64)
    return unique_pairs(rows[cols >= 0], cols[cols >= 0], n)


def _nearby_cells(vectors: NDArray[np.float32], cells: IntArray, nearby: int) -> IntArray:
    """List for each cell itself and the cells with the most similar mean, nearest first, as int64 (cells, nearby)."""
    import faiss

    count = int(cells.max()) + 1
    members = sparse.csr_matrix(
        (np.ones(len(cells), np.float32), (cells, np.arange(len(cells)))), shape=(count, len(cells))
    )
    means = np.ascontiguousarray(members @ vectors, dtype=np.float32)
    faiss.normalize_L2(means)
    index: Any = faiss.IndexFlatIP(means.shape[1])
    if count > COARSE_ABOVE:
        lists = int(np.sqrt(count))
        index = faiss.IndexIVFFlat(index, means.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.max_points_per_centroid = 64
        index.nprobe = 8
        index.train(means)
    index.add(means)
    near = index.search(means, min(nearby, count))[1].astype(np.int64)
    own = np.arange(count)
    near[(near != own[:, None]).all(1), 0] = own[(near != own[:, None]).all(1)]
    return np.where(near < 0, -1, near)


def unique_pairs(first: IntArray, second: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Order each pair of rows, drop repeats and rows paired with themselves."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    keys = np.unique(low[low != high] * n + high[low != high])
    return keys // n, keys % n
