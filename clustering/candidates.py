"""Find the pairs of rows worth scoring: titles that share rare tokens, vectors close together in neighbouring cells."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .centroids import mean_directions, nearest_centroids

IntArray = NDArray[np.int64]

BLOCK = 4096  # rows compared at once, at most so many; bounds memory
PROBES = 8  # groups of cells searched for the cells next to one


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
    similarity.sort_indices()
    rows = np.repeat(np.arange(similarity.shape[0]), np.diff(similarity.indptr))
    # One key of 12 bits row, 32 bits similarity, 20 bits place in the row: sorting numbers is far faster than lexsort,
    # floats above zero are in the order of their bits, and a row holds at most max_holders entries a token.
    falling = np.iinfo(np.int32).max - similarity.data.view(np.int32).astype(np.int64)
    place = np.arange(len(rows)) - similarity.indptr[rows]
    keys = np.sort(rows.astype(np.uint64) << 52 | falling.astype(np.uint64) << 20 | place.astype(np.uint64))
    cols = similarity.indices[similarity.indptr[rows] + (keys & (2**20 - 1)).astype(np.int64)].astype(np.int64)
    others = cols != rows + start
    rows, cols = rows[others], cols[others]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[place < neighbours] + start, cols[place < neighbours]


def pairs_in_cells(
    vectors: NDArray[np.float32], cells: IntArray, *, neighbours: int, nearby: int
) -> tuple[IntArray, IntArray]:
    """Pair every row with the nearest in its own cell and in the cells next to it.

    Args:
        vectors: float32 (n, d), rows of length 1.
        cells: int64 (n,), from 0, as k-means gives them; rows of -1 are left out.
        neighbours: Partners to keep for each row.
        nearby: How many cells to look into, the own one included.

    Returns:
        Rows int64 (m,) and int64 (m,), the first below the second, no pair twice.
    """
    import faiss
    from faiss.contrib import ivf_tools

    tools: Any = ivf_tools  # untyped
    n, dim = vectors.shape
    kept = np.flatnonzero(cells >= 0)
    if len(kept) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cells = cells.copy()
    cells[kept] = np.unique(cells[kept], return_inverse=True)[1]
    near = nearest_centroids(mean_directions(vectors, cells, int(cells.max()) + 1)[0], nearby, probes=PROBES)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, len(near), faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True  # the cells are given, there is nothing to train
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    tools.add_preassigned(index, vectors, cells)
    index.nprobe = near.shape[1]
    partners = np.empty((len(kept), min(neighbours + 1, len(kept))), np.int64)
    for start in range(0, len(kept), BLOCK):
        rows = kept[start : start + BLOCK]
        found = tools.search_preassigned(index, vectors[rows], partners.shape[1], near[cells[rows]])[1]
        partners[start : start + BLOCK] = found
    first, second = np.repeat(kept, partners.shape[1]), partners.ravel()
    return unique_pairs(first[second >= 0], second[second >= 0], n)


def unique_pairs(first: IntArray, second: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Order each pair of rows, drop repeats and rows paired with themselves."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    keys = np.sort(low[low != high] * n + high[low != high])  # far faster than np.unique, which hashes first
    keys = keys[np.diff(keys, prepend=-1) > 0]
    return keys // n, keys % n
