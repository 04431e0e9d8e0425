"""The three kinds of cluster, each computed from a catalogue's rows; what two of them need is computed once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clustering.fused import fused_vectors, has_vector
from clustering.identity import refine_identity
from clustering.kmeans import identity_k, kmeans
from graph import partitions
from graph.communities import Implementation
from graph.complements import ComplementRanker
from graph.edges import Edges
from graph.knn import RECALL, edges_from_knn, knn, knn_recall, turn_to
from graph.modalities import Modality, merge
from graph.shoppers import linked_rows

from .catalogue import Catalogue, Rows
from .progress import Bar
from .resolution import AUTO, Resolution, resolved

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
        similarity_resolution: More makes more and smaller clusters; greater than 0. `auto` looks for a plateau.
        complementary_resolution: The same for complementary clusters.
        leiden: Whose implementation of Leiden is used.
        max_memory: Bytes to stay below, mapped files not counted; None for no limit.
        weights: Kind of vector -> how much it counts where they are fused; None for those chosen by `tune-fusion`, or
            alike.
        on: What identity's cells are cut by: texts, or texts and pictures fused.
        names: Whether clusters are named; `name_clusters` can do that later.
    """

    seed: int
    k: int | None = None
    neighbours: int = DEFAULT_NEIGHBOURS
    recall: float = RECALL
    similarity_resolution: Resolution = partitions.SIMILARITY_RESOLUTION
    complementary_resolution: Resolution = partitions.COMPLEMENTARY_RESOLUTION
    leiden: Implementation = "igraph"
    max_memory: int | None = None
    weights: Mapping[str, float] | None = None
    on: On = "text"
    names: bool = True


class Kinds:
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
        self._say(
            f"identity: k-means ran on the {cells.figures['device'].upper()}; now joining what is the same product"
        )
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
        results = {"k": k, "k_chosen": reason, **cells.figures, **_sizes(labels)}
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
        cut = partial(
            partitions.similarity,
            self._likeness(near),
            self._catalogue.links["also_view"],
            self._n,
            implementation=self._options.leiden,
        )
        resolution, chosen = self._resolution("similarity", cut)
        with self._bar("similarity clusters", None):
            found = cut(seed=self._options.seed, resolution=resolution)
            recall = knn_recall(self._catalogue.vectors, near[0], seed=self._options.seed)
        return {"similarity": found.labels}, {**_figures(found), **chosen, "recall": recall}

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
        cut = partial(
            partitions.complementary,
            bought,
            viewed,
            together,
            edges_from_knn(*near),
            self._n,
            implementation=self._options.leiden,
        )
        resolution, chosen = self._resolution("complementary", cut)
        with self._bar("complementary clusters", None):
            found = cut(seed=self._options.seed, resolution=resolution)
            self.ranker = ComplementRanker(bought, viewed, together, self._n, likeness=near)
        return {"complementary": found.labels}, {**_figures(found), **chosen, "linked_products": int(linked.sum())}

    def _resolution(self, kind: str, cut: Callable[..., partitions.Partition]) -> tuple[float, dict[str, Any]]:
        """Give the resolution asked for; or find one, with what was found out for the record."""
        asked: Resolution = getattr(self._options, f"{kind}_resolution")
        if asked != AUTO:
            return asked, {}
        usual: float = getattr(partitions, f"{kind}_RESOLUTION".upper())
        labels = partial(_labels_of, cut)
        return resolved(labels, usual, kind=kind, seed=self._options.seed, say=self._say, bar=self._bar)

    def graph(self, kind: str) -> Edges:
        """Give the graph that `similarity` or `complementary` is cut from, uncut, to grade clusters by it."""
        if self._n == 1:
            return Edges.none()
        links, near = self._catalogue.links, self._neighbours()
        if kind == "similarity":
            return partitions.similarity_edges(self._likeness(near), links["also_view"], self._n)
        kinds = (links["also_buy"], links["also_view"], links["bought_together"])
        linked = linked_rows(*kinds, n=self._n)
        near = turn_to(linked, self._catalogue.vectors, *near, recall=self._options.recall)
        return partitions.complementary_edges(*kinds, edges_from_knn(*near), self._n)

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


def _labels_of(cut: Callable[..., partitions.Partition], resolution: float, seed: int) -> Rows:
    return cut(seed=seed, resolution=resolution).labels


def _figures(found: partitions.Partition) -> dict[str, Any]:
    return {"edges": len(found.edges), "modularity": found.modularity, **_sizes(found.labels)}


def _sizes(labels: Rows) -> dict[str, int]:
    sizes = np.bincount(labels)
    return {"clusters": len(sizes), "largest": int(sizes.max()), "singletons": int((sizes == 1).sum())}
