"""Clustering runs: rows out of the store, labels computed, labels back, the run on record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.identity import refine_identity
from clustering.kmeans import identity_k, kmeans
from clustering.stable import keep_numbers
from graph.communities import leiden, modularity
from graph.complements import ComplementRanker
from graph.edges import Edges, combine
from graph.knn import edges_from_knn, knn, knn_recall
from graph.shoppers import attach, shopper_edges, view_edges
from indexer.store import LABELS, ProductStore, new_run

from .catalogue import Catalogue, Rows, take_catalogue
from .complements import complement_payloads
from .progress import Bar, no_bar

KINDS = ("identity", "similarity", "complementary")
DEFAULT_NEIGHBOURS = 15
DEFAULT_RESOLUTION = {"similarity": 1.0, "complementary": 4.0}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What a clustering run is asked for.

    Args:
        seed: The same seed and products give the same labels.
        k: Cells of k-means for identity; None lets the run choose.
        neighbours: Nearest neighbours each product is linked to, at least 1.
        resolution: Of Leiden, per kind of cluster; more makes more and smaller ones.
    """

    seed: int
    k: int | None = None
    neighbours: int = DEFAULT_NEIGHBOURS
    resolution: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_RESOLUTION))


def cluster(
    store: ProductStore,
    kinds: Sequence[str],
    options: ClusterOptions,
    *,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> dict[str, dict[str, Any]]:
    """Find clusters of all products, write them as labels, and record the run.

    Clusters that live on keep their numbers, and only labels that changed are written. Until all are written they count
    as unfinished, and a reader sees none of them; a run cut short is completed by the next.

    Args:
        store: Filled by `index`.
        kinds: Some of `KINDS`.
        options: What is asked for.
        say: Called with a line about each step.
        bar: Draws how far a step is.

    Returns:
        Kind -> figures about what was found.

    Raises:
        LookupError: If the store holds no products.
        ValueError: If a kind or an option is out of range.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"a kind of cluster is one of {', '.join(KINDS)}, got '{kind}'")
    started = time.monotonic()
    run = new_run("cluster", {"kinds": list(kinds), "seed": options.seed, "k": options.k or "auto",
                              "neighbours": options.neighbours, "resolution": dict(options.resolution)})  # fmt: skip
    with bar("reading the store", store.count()) as done:
        catalogue = take_catalogue(store, done)
    store.records.save_run(run)
    clustering = _Clustering(catalogue, options, say, bar)
    labels: dict[str, Rows] = {}
    results: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        found, results[kind] = getattr(clustering, kind)()
        labels.update({name: keep_numbers(rows, _previous(store, catalogue, name)) for name, rows in found.items()})
    written = _write(store, catalogue, labels, run.run_id, clustering.ranker, bar)
    seconds = time.monotonic() - started
    store.records.save_run(replace(run, state="done", seconds=seconds, results={**results, "written": written}))
    return results


def _previous(store: ProductStore, catalogue: Catalogue, label: str) -> Rows:
    """Give the numbers to keep: none where only a run cut short has written the label."""
    stored = catalogue.labels[label]
    return stored if label in store.records.settings().labels else np.full_like(stored, -1)


def _write(
    store: ProductStore,
    catalogue: Catalogue,
    labels: Mapping[str, Rows],
    run_id: str,
    ranker: ComplementRanker | None,
    bar: Bar,
) -> int:
    """Write labels and complements between two marks, so that a run cut short shows; then build the index."""
    settings = store.records.settings()
    unfinished = tuple(name for name in LABELS if name in labels or name in settings.unfinished)
    store.records.save_settings(replace(settings, unfinished=unfinished))
    n = len(catalogue.ids)
    with bar("writing labels", n) as done:
        written = store.set_labels(catalogue.ids, labels, catalogue.labels, done)
    if ranker is not None:
        identity = labels.get("identity", catalogue.labels["identity"])
        with bar("ranking complements", n) as done:
            store.set_complements(complement_payloads(ranker, catalogue.ids, identity, done))
    left = tuple(name for name in unfinished if name not in labels)
    whole = {**settings.labels, **dict.fromkeys(labels, run_id)}
    store.records.save_settings(replace(settings, labels=whole, unfinished=left))
    with bar("building the vector index", None):
        store.build_index()
    return written


class _Clustering:
    """One run's computations; what two kinds of cluster need is computed once."""

    def __init__(self, catalogue: Catalogue, options: ClusterOptions, say: Say, bar: Bar) -> None:
        self._catalogue, self._options, self._say, self._bar = catalogue, options, say, bar
        self._n = len(catalogue.ids)
        self._near: tuple[Rows, NDArray[np.float32]] | None = None
        self.ranker: ComplementRanker | None = None

    def identity(self) -> tuple[dict[str, Rows], dict[str, Any]]:
        """Cut the vectors into cells by k-means, then join what is the same product."""
        catalogue, options = self._catalogue, self._options
        k, reason = (options.k, f"k = {options.k:,}, as asked") if options.k is not None else identity_k(self._n)
        self._say(f"identity: k-means, {reason}")
        with self._bar("k-means", self._n) as done:
            cells = kmeans(catalogue.vectors, k, seed=options.seed, progress=done)
        self._say(f"identity: k-means ran on the {cells.device.upper()}; now joining what is the same product")
        with self._bar("comparing pairs", None) as done:
            labels = refine_identity(
                catalogue.vectors, catalogue.titles, cells.labels, sources=catalogue.sources, progress=done
            )
        results = {"k": k, "k_chosen": reason, "device": cells.device, "inertia": cells.inertia, **_sizes(labels)}
        return {"identity_cell": cells.labels, "identity": labels}, results

    def similarity(self) -> tuple[dict[str, Rows], dict[str, Any]]:
        """Join products that are alike or viewed by the same shoppers, and cut the graph into communities."""
        if self._n < 2:
            return {"similarity": np.zeros(self._n, dtype=np.int64)}, {"clusters": self._n}
        self._say(f"similarity: {self._options.neighbours} nearest neighbours of {self._n:,} products")
        likeness = edges_from_knn(*self._neighbours())
        edges = combine(likeness, view_edges(self._catalogue.links["also_view"], self._n), n=self._n)
        labels, figures = self._communities("similarity", edges)
        recall = knn_recall(self._catalogue.vectors, self._neighbours()[0], seed=self._options.seed)
        return {"similarity": labels}, {**figures, "neighbours": self._options.neighbours, "recall": recall}

    def complementary(self) -> tuple[dict[str, Rows], dict[str, Any]]:
        """Join what is bought together, products without links through their nearest, and cut into communities."""
        links = self._catalogue.links
        bought, viewed, together = links["also_buy"], links["also_view"], links["bought_together"]
        near = self._neighbours() if self._n > 1 else None
        self.ranker = ComplementRanker(bought, viewed, together, self._n, likeness=near)
        if near is None:
            return {"complementary": np.zeros(self._n, dtype=np.int64)}, {"clusters": self._n}
        edges = shopper_edges(bought, viewed, together, self._n)
        self._say(f"complementary: {len(edges):,} edges from shoppers")
        labels, figures = self._communities("complementary", attach(edges, edges_from_knn(*near), self._n))
        return {"complementary": labels}, {**figures, "shopper_edges": len(edges)}

    def _communities(self, kind: str, edges: Edges) -> tuple[Rows, dict[str, Any]]:
        """Partition a graph by Leiden and grade it."""
        resolution = self._options.resolution[kind]
        self._say(f"{kind}: Leiden on {len(edges):,} edges, resolution {resolution:g}")
        labels = leiden(edges, self._n, seed=self._options.seed, resolution=resolution)
        return labels, {
            "edges": len(edges),
            "resolution": resolution,
            "modularity": modularity(edges, labels),
            **_sizes(labels),
        }

    def _neighbours(self) -> tuple[Rows, NDArray[np.float32]]:
        """Find nearest neighbours, once."""
        if self._near is None:
            self._near = knn(self._catalogue.vectors, min(self._options.neighbours, self._n - 1))
        return self._near


def _sizes(labels: Rows) -> dict[str, int]:
    sizes = np.bincount(labels)
    return {"clusters": len(sizes), "largest": int(sizes.max()), "singletons": int((sizes == 1).sum())}
