"""What `assort` is measured against: the pipeline it replaces, and plain rankings. Arrays in, arrays out."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from clustering.kmeans import kmeans
from indexer.embedders.terms import words

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

_PACKAGES = ("umap", "hdbscan", "networkx")
_NEAREST_TITLES, _DENSITY = 10, 0.1  # chosen on PriceRunner with its truth in sight, to the baseline's advantage
_BLOCK = 1000  # rows scored at once: a block of scores is _BLOCK * n floats


def missing_packages() -> list[str]:
    """Name the packages the baselines need that are not installed."""
    return [name for name in _PACKAGES if find_spec(name) is None]


def cells(vectors: Vectors, k: int, *, seed: int) -> Rows:
    """Cut vectors into k cells by spherical k-means.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        k: Number of cells, 1 to n.
        seed: Decides where centroids start.

    Returns:
        int64 (n,).
    """
    return kmeans(vectors, k, seed=seed).labels


def umap_hdbscan(vectors: Vectors, *, seed: int) -> Rows:
    """Squeeze vectors to 50 dimensions by UMAP, then find dense regions of 20 or more by HDBSCAN.

    McInnes, Healy and Melville, arXiv:1802.03426; Campello, Moulavi and Sander, PAKDD 2013.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        seed: Of UMAP, which then runs on one core.

    Returns:
        int64 (n,), noise is -1.
    """
    import hdbscan
    import umap

    squeezed = umap.UMAP(n_components=50, metric="cosine", random_state=seed, n_jobs=1).fit_transform(vectors)
    found = hdbscan.HDBSCAN(min_cluster_size=20, core_dist_n_jobs=1).fit_predict(squeezed)
    return np.asarray(found, dtype=np.int64)


def words_and_numbers(titles: Sequence[str], sources: Rows, *, seed: int) -> Rows:
    """Join the nearest titles by their words where the numbers of one are all in the other, and cut by Leiden.

    What a person would write in an afternoon: TF-IDF, nearest neighbours, the constant Potts model (Traag, Van Dooren
    and Nesterov, PRE 2011). Two near titles of one source are an edge of weight -1.

    Args:
        titles: n titles.
        sources: int64 (n,), who offers the row, -1 where unknown.
        seed: Of Leiden.

    Returns:
        int64 (n,).
    """
    import igraph
    import leidenalg

    first, second, weight = _near_titles(titles)
    numbers = [frozenset(word for word in words(title) if any(map(str.isdigit, word))) for title in titles]
    kept = np.array([_agree(numbers[a], numbers[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)])
    rivals = (sources[first] == sources[second]) & (sources[first] >= 0)
    weight, kept = np.where(rivals, -1.0, weight), kept | rivals
    graph = igraph.Graph(len(titles), edges=np.column_stack([first, second])[kept])
    found = leidenalg.find_partition(
        graph, leidenalg.CPMVertexPartition, weights=weight[kept], resolution_parameter=_DENSITY, seed=seed
    )
    return np.asarray(found.membership, dtype=np.int64)


def _near_titles(titles: Sequence[str]) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """Find the nearest titles of each by the cosine of their word weights: each pair once, with its cosine."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    weighted = TfidfVectorizer(analyzer=words, dtype=np.float32).fit_transform(titles)
    neighbours = min(_NEAREST_TITLES + 1, len(titles))  # the title itself among them
    nearest = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute").fit(weighted)
    distance, near = nearest.kneighbors(weighted)
    row = np.repeat(np.arange(len(titles), dtype=np.int64), near.shape[1])
    low, high = np.minimum(row, near.ravel()), np.maximum(row, near.ravel())
    keys, where = np.unique(low * len(titles) + high, return_index=True)
    other = keys // len(titles) != keys % len(titles)
    where = where[other]
    return low[where], high[where], 1.0 - distance.ravel()[where].astype(np.float64)


def _agree(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one) == bool(other) and (one <= other or other <= one)


def label_propagation(pairs: Rows, n: int) -> Rows:
    """Let every row take over the label most of its linked rows have, all links alike.

    Cordasco and Gargano, "Community detection via semi-synchronous label propagation algorithms", 2010.

    Args:
        pairs: int64 (m, 2), linked rows.
        n: Number of rows.

    Returns:
        int64 (n,); a row without links is a community of its own.
    """
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(pairs.tolist())
    labels = np.empty(n, dtype=np.int64)
    for number, members in enumerate(networkx.community.label_propagation_communities(graph)):
        labels[list(members)] = number
    return labels


def popular(bought: sparse.csr_array, limit: int) -> Rows:
    """Recommend to every product those bought with the most others, but for what is linked to it already.

    Args:
        bought: (n, n), symmetric, 1 where two products are linked.
        limit: Answers a product.

    Returns:
        int64 (n, limit), best first, -1 where there are no more.
    """
    degree = np.asarray(bought.sum(axis=0), dtype=np.float32).ravel()
    return _best(lambda rows: np.tile(degree, (len(rows), 1)), bought, limit)


def common_neighbours(bought: sparse.csr_array, limit: int) -> Rows:
    """Recommend the products that share the most links, but for what is linked already; see `popular`."""
    return _best(lambda rows: (bought[rows] @ bought).toarray(), bought, limit)


def _best(score: Callable[[Rows], Vectors], known: sparse.csr_array, limit: int) -> Rows:
    """Take the best rows by score that are neither known nor the row itself; a score of 0 is no answer."""
    n = known.shape[0]
    best = np.empty((n, limit), dtype=np.int64)
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        scores = score(rows)
        scores[known[rows].toarray() > 0] = 0
        scores[np.arange(len(rows)), rows] = 0
        top = np.argsort(-scores, axis=1, kind="stable")[:, :limit]
        best[rows] = np.where(np.take_along_axis(scores, top, axis=1) > 0, top, -1)
    return best
