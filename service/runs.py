"""Clustering runs: rows out of the store, labels computed, labels back, the run on record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clustering.fused import fused_vectors, has_vector
from clustering.identity import refine_identity
from clustering.kmeans import identity_k, kmeans
from clustering.stable import keep_numbers
from graph import partitions
from graph.communities import Implementation
from graph.complements import ComplementRanker
from graph.edges import Edges
from graph.knn import RECALL, edges_from_knn, knn, knn_recall, turn_to
from graph.modalities import Modality, merge
from graph.shoppers import linked_rows
from indexer.store import LABELS, ProductStore, new_run

from .catalogue import LINK_NAMES, Catalogue, Rows, take_catalogue
from .complements import complement_payloads
from .fusion import shares_of
from .memory import Size, giving_back, must_map
from .progress import Bar, no_bar

KINDS = ("identity", "similarity", "complementary")
DEFAULT_NEIGHBOURS = 15

Say = Callable[[str], None]
On = Literal["text", "fused"]


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What a clustering run is asked for.

    Args:
        seed: The same seed and products give the same labels.
        k: Cells of k-means for identity; None lets the run choose.
        neighbours: Nearest neighbours each product is linked to, at least 1.
        recall: Share of the true neighbours to find, above 0, at most 1.
        similarity_resolution: More makes more and smaller clusters; greater than 0.
        complementary_resolution: The same for complementary clusters.
        leiden: Whose implementation of Leiden is used.
        max_memory: Bytes to stay below, mapped files not counted; None for no limit.
        weights: Kind of vector -> how much it counts where they are fused; None for those chosen by `tune-fusion`, or
            alike.
        on: What identity's cells are cut by: texts, or texts and pictures fused.
    """

    seed: int
    k: int | None = None
    neighbours: int = DEFAULT_NEIGHBOURS
    recall: float = RECALL
    similarity_resolution: float = partitions.SIMILARITY_RESOLUTION
    complementary_resolution: float = partitions.COMPLEMENTARY_RESOLUTION
    leiden: Implementation = "igraph"
    max_memory: int | None = None
    weights: Mapping[str, float] | None = None
    on: On = "text"


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
        ValueError: If a kind or an option is out of range, or `max_memory` is less than the run needs.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"a kind of cluster is one of {', '.join(KINDS)}, got '{kind}'")
    started = time.monotonic()
    bar, mapped = giving_back(bar), False
    if options.max_memory is not None:
        mapped = must_map(size_of(store, options.neighbours), kinds, options.max_memory)
    if mapped:
        say("the vectors lie in a temporary file, to stay below the limit")
    pictured = "image" in store.dims() or options.weights is not None or options.on == "fused"
    shares = shares_of(store, options.weights) if pictured else {"text": 1.0}
    run = new_run("cluster", {"kinds": list(kinds), **asdict(replace(options, weights=shares))})
    with bar("reading the store", store.count()) as done:
        catalogue = take_catalogue(store, done, mapped=mapped)
    _check(options, len(catalogue.ids))
    store.records.save_run(run)
    results: dict[str, dict[str, Any]] = {}
    finished = False
    try:
        results.update(_compute_and_write(store, catalogue, kinds, options, shares, run.run_id, say, bar))
        del catalogue  # building the index takes memory, too
        with bar("building the vector index", None):
            store.build_index()
        finished = True
    finally:
        seconds = time.monotonic() - started
        ended = replace(run, state="done" if finished else "failed", seconds=seconds, results=results)
        store.records.save_run(ended)
    return results


def size_of(store: ProductStore, neighbours: int) -> Size:
    """Say how large a stored catalogue is; its links are counted on the first page.

    Raises:
        LookupError: If the store holds no products.
    """
    page = next(iter(store.pages(LINK_NAMES)))
    links = sum(len(found.payload.get(name, ())) for found in page for name in LINK_NAMES) / len(page)
    return Size(store.count(), sum(store.dims().values()), links, neighbours)


def _check(options: ClusterOptions, n: int) -> None:
    """Refuse what cannot be, before a run begins."""
    if options.k is not None and not 1 <= options.k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} products, got {options.k}")
    if options.neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, got {options.neighbours}")
    if not 0 < options.recall <= 1:
        raise ValueError(f"recall must be above 0 and at most 1, got {options.recall}")
    if options.leiden == "networkit" and find_spec("networkit") is None:
        raise ValueError("networkit is not installed: pip install networkit, or leave --leiden away")
    for name in ("similarity_resolution", "complementary_resolution"):
        if not getattr(options, name) > 0:
            raise ValueError(f"{name} must be greater than 0, got {getattr(options, name)}")


def _compute_and_write(
    store: ProductStore,
    catalogue: Catalogue,
    kinds: Sequence[str],
    options: ClusterOptions,
    shares: Mapping[str, float],
    run_id: str,
    say: Say,
    bar: Bar,
) -> dict[str, dict[str, Any]]:
    """Do what `cluster` says, apart from recording the run."""
    clustering = _Clustering(catalogue, options, shares, say, bar)
    labels: dict[str, Rows] = {}
    results: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        found, results[kind] = getattr(clustering, kind)()
        labels.update({name: keep_numbers(rows, _previous(store, catalogue, name)) for name, rows in found.items()})
    if "skipped" in results.get("complementary", {}):
        _forget(store, "complementary")  # made from links that are gone
    if not labels:
        raise LookupError(f"nothing to cluster: {results[kinds[0]]['skipped']}")
    written = _write(store, catalogue, labels, run_id, clustering.ranker, bar)
    say(f"{written:,} of {len(catalogue.ids):,} products got new labels")
    return results


def _forget(store: ProductStore, label: str) -> None:
    """Stop showing a label; what is left of it in the payload no reader sees."""
    settings = store.records.settings()
    left = {name: run_id for name, run_id in settings.labels.items() if name != label}
    unfinished = tuple(name for name in settings.unfinished if name != label)
    store.records.save_settings(replace(settings, labels=left, unfinished=unfinished))


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
    """Write labels between two marks, so that a run cut short shows; then complements.

    The label `complementary` counts as unfinished until the complements beside it are written too. In a first run,
    where there is nothing to read yet, labels and complements are written together.
    """
    settings = store.records.settings()
    unfinished = tuple(name for name in LABELS if name in labels or name in settings.unfinished)
    store.records.save_settings(replace(settings, unfinished=unfinished))
    ids, n = catalogue.ids, len(catalogue.ids)
    identity = labels.get("identity", catalogue.labels["identity"])
    if ranker is not None and not settings.labels:
        with bar("ranking complements", n) as done:
            store.set_first_results(ids, labels, complement_payloads(ranker, ids, identity, done))
        _finish(store, list(labels), run_id)
        return n
    with bar("writing labels", n) as done:
        written = store.set_labels(ids, labels, catalogue.labels, done)
    _finish(store, [name for name in labels if name != "complementary" or ranker is None], run_id)
    if ranker is not None:
        with bar("ranking complements", n) as done:
            ranked = complement_payloads(ranker, ids, identity, done)
            store.set_complements((ids[row], text) for row, text in ranked)
        _finish(store, ["complementary"], run_id)
    return written


def _finish(store: ProductStore, names: Sequence[str], run_id: str) -> None:
    """Let readers see labels that are written whole."""
    settings = store.records.settings()
    unfinished = tuple(name for name in settings.unfinished if name not in names)
    whole = {**settings.labels, **dict.fromkeys(names, run_id)}
    store.records.save_settings(replace(settings, labels=whole, unfinished=unfinished))


class _Clustering:
    """One run's computations; what two kinds of cluster need is computed once."""

    def __init__(
        self, catalogue: Catalogue, options: ClusterOptions, shares: Mapping[str, float], say: Say, bar: Bar
    ) -> None:
        self._catalogue, self._options, self._say, self._bar = catalogue, options, say, bar
        self._shares = shares
        self._n = len(catalogue.ids)
        self._near: tuple[Rows, NDArray[np.float32]] | None = None
        self.ranker: ComplementRanker | None = None

    def identity(self) -> tuple[dict[str, Rows], dict[str, Any]]:
        """Cut the vectors into cells by k-means, then join what is the same product."""
        catalogue, options = self._catalogue, self._options
        k, reason = (options.k, f"k = {options.k:,}, as asked") if options.k is not None else identity_k(self._n)
        untitled = catalogue.titles.count("")
        if untitled:
            self._say(f"identity: {untitled:,} products have no title to know them by and stay alone")
        self._say(f"identity: k-means, {reason}")
        with self._bar("k-means", self._n) as done:
            cells = kmeans(self._cut_by(), k, seed=options.seed, progress=done)
        self._say(f"identity: k-means ran on the {cells.device.upper()}; now joining what is the same product")
        with self._bar("comparing pairs", None) as done:
            labels = refine_identity(
                catalogue.vectors,
                catalogue.titles,
                cells.labels,
                brands=catalogue.brands,
                sources=catalogue.sources,
                pictures=catalogue.pictures,
                progress=done,
            )
        results = {"k": k, "k_chosen": reason, "device": cells.device, "inertia": cells.inertia, **_sizes(labels)}
        return {"identity_cell": cells.labels, "identity": labels}, results

    def _cut_by(self) -> NDArray[np.float32]:
        """Give the vectors that cells are cut by."""
        catalogue = self._catalogue
        if self._options.on == "text" or catalogue.pictures is None:
            return catalogue.vectors
        return fused_vectors([catalogue.vectors, catalogue.pictures.vectors], list(self._shares.values()))

    def similarity(self) -> tuple[dict[str, Rows], dict[str, Any]]:
        """Join products that are alike or viewed by the same shoppers, and cut the graph into communities."""
        if self._n == 1:
            return {"similarity": np.zeros(1, dtype=np.int64)}, {"clusters": 1}
        self._say(f"similarity: {self._options.neighbours} nearest neighbours of {self._n:,} products, and also_view")
        near = self._neighbours()
        likeness = self._likeness(near)
        with self._bar("similarity clusters", None):
            found = partitions.similarity(
                likeness,
                self._catalogue.links["also_view"],
                self._n,
                seed=self._options.seed,
                resolution=self._options.similarity_resolution,
                implementation=self._options.leiden,
            )
            recall = knn_recall(self._catalogue.vectors, near[0], seed=self._options.seed)
        return {"similarity": found.labels}, {**_figures(found), "recall": recall}

    def complementary(self) -> tuple[dict[str, Rows], dict[str, Any]]:
        """Join what is bought together, products without links through their nearest, and cut into communities."""
        links = self._catalogue.links
        bought, viewed, together = links["also_buy"], links["also_view"], links["bought_together"]
        linked = linked_rows(bought, viewed, together, n=self._n)
        if not linked.any():
            reason = "no product is linked to another one here by also_buy, also_view or bought_together"
            self._say(f"complementary: skipped, {reason}")
            return {}, {"skipped": reason}
        self._say(
            f"complementary: {linked.sum():,} of {self._n:,} products have links, the others follow their nearest"
        )
        if self._options.leiden == "networkit":
            self._say("complementary: cut by igraph, networkit knows no uniform null model")
        near = self._neighbours()
        with self._bar("nearest linked products", None):
            near = turn_to(linked, self._catalogue.vectors, *near, recall=self._options.recall)
        with self._bar("complementary clusters", None):
            found = partitions.complementary(
                bought,
                viewed,
                together,
                edges_from_knn(*near),
                self._n,
                seed=self._options.seed,
                resolution=self._options.complementary_resolution,
                implementation=self._options.leiden,
            )
            self.ranker = ComplementRanker(bought, viewed, together, self._n, likeness=near)
        return {"complementary": found.labels}, {**_figures(found), "linked_products": int(linked.sum())}

    def _likeness(self, near: tuple[Rows, NDArray[np.float32]]) -> Edges:
        """Merge the nearest neighbours by text with those by picture, where there are any."""
        text = edges_from_knn(*near)
        if self._catalogue.pictures is None:
            return text
        images = self._catalogue.pictures.vectors
        has = has_vector(images)
        rows = np.flatnonzero(has)
        self._say(
            f"similarity: text counts {self._shares['text']:.2f} and pictures {self._shares['image']:.2f}; "
            f"{len(rows):,} of {self._n:,} products have one"
        )
        if len(rows) < 2:
            return text
        with self._bar("nearest neighbours by picture", None):
            wanted = min(self._options.neighbours, len(rows) - 1)
            found = edges_from_knn(*knn(images[rows], wanted, recall=self._options.recall))
        pictures = Modality(Edges(rows[found.source], rows[found.target], found.weight), has, self._shares["image"])
        texts = Modality(text, np.ones(self._n, dtype=np.bool_), self._shares["text"])
        return merge([texts, pictures], self._n)

    def _neighbours(self) -> tuple[Rows, NDArray[np.float32]]:
        """Find nearest neighbours, once."""
        if self._near is None:
            wanted = min(self._options.neighbours, self._n - 1)
            with self._bar("nearest neighbours", None):
                self._near = knn(self._catalogue.vectors, wanted, recall=self._options.recall)
        return self._near


def _figures(found: partitions.Partition) -> dict[str, Any]:
    return {"edges": len(found.edges), "modularity": found.modularity, **_sizes(found.labels)}


def _sizes(labels: Rows) -> dict[str, int]:
    sizes = np.bincount(labels)
    return {"clusters": len(sizes), "largest": int(sizes.max()), "singletons": int((sizes == 1).sum())}
