"""The cases of the quality benchmark: a real catalogue through the product's own path, graded, baselines beside."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmark_quality_baselines import cells, words_and_numbers
from benchmark_quality_scores import Rows, Scores, agreement_scores, identity_scores, matching_scores, size_scores
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from indexer.catalogue import read_catalogue
from indexer.embedders import Embedder
from indexer.indexing import index_products
from indexer.products import Product, Rejected
from indexer.store import Embedded, ProductStore, open_store
from service.runs import KINDS, ClusterOptions, cluster

OLD_K = 20  # cells of the k-means this project replaces
WORDS_AND_NUMBERS = (
    "Words and numbers: the ten nearest titles by TF-IDF, joined where the numbers of one are all in the other, two of "
    "one shop set against each other, cut by Leiden."
)


@dataclass(frozen=True, slots=True)
class Case:
    """What one case found.

    Args:
        name: Of the case, as targets know it.
        title: For the reader.
        protocol: What was done, in words.
        scores: Method -> figure -> value; the first method is the one a target is about.
    """

    name: str
    title: str
    protocol: str
    scores: Mapping[str, Scores]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where catalogues are kept between runs, and what they are embedded and clustered with.

    Args:
        data: The folder of real catalogues.
        work: Folder of the store; what it holds unchanged is not embedded again.
        embedder: The product's own.
        seed: Of clustering runs and baselines.
        say: Called with a line about each step.
    """

    data: Path
    work: Path
    embedder: Embedder
    seed: int
    say: Callable[[str], None]

    @contextmanager
    def clustered(
        self, collection: str, records: Iterable[Product | Rejected], kinds: Sequence[str] = KINDS
    ) -> Iterator[ProductStore]:
        """Index a catalogue into a collection of its own, cluster it with the defaults, and give its store.

        Raises:
            RuntimeError: If the catalogue could not be read to its end.
        """
        with open_store(str(self.work), collection, create=True) as store:
            self.say(f"{collection}: indexing")
            summary = index_products(records, store, self.embedder, delete_missing=True)
            if summary.failure:
                raise RuntimeError(f"{summary.failure}: the benchmark needs the whole catalogue")
            self.say(f"{collection}: {store.count():,} products, {summary.embedded:,} of them embedded now")
            cluster(store, kinds, ClusterOptions(seed=self.seed), say=lambda text: self.say(f"{collection}: {text}"))
            yield store


@dataclass(slots=True)
class RememberingEmbedder:
    """Embeds each text once a run: two collections of one catalogue have their texts in common."""

    embedder: Embedder
    name: str = field(init=False)
    dim: int = field(init=False)
    _vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name, self.dim = self.embedder.name, self.embedder.dim

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as the embedder does."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if fresh:
            self._vectors.update(zip(fresh, self.embedder.embed(fresh), strict=True))
        return np.stack([self._vectors[text] for text in texts])


def pricerunner(bench: Bench) -> Iterator[Case]:
    """Grade identity on shop offers, once from titles alone and once with the shop known."""
    file = bench.data / "pricerunner" / "pricerunner_aggregate.csv.gz"
    columns = {"product_id": "1", "title": "2", "cluster_id": "4"}
    for name, how, mapping in (
        ("pricerunner_titles", "titles alone", columns),
        ("pricerunner_sources", "titles and shops", {**columns, "source": "3"}),
    ):
        given = "and the merchant given as `source`" if "source" in mapping else "nothing else is given"
        records = read_catalogue(file, format="table", header=False, mapping=mapping)
        with bench.clustered(name, records, ["identity"]) as store:
            taken = store.take(("title", "source", "fields", "identity", "identity_cell"), vector="text")
        truth = numbered([own["cluster_id"] for own in taken.columns["fields"]])
        products = len(np.unique(truth))
        bench.say(f"{name}: baselines")
        yield Case(
            name,
            f"PriceRunner, identity from {how}",
            f"{len(truth):,} shop offers of {products:,} products; the title is embedded, {given}. Precision, recall "
            f"and F1 over all pairs of offers in one cluster. {WORDS_AND_NUMBERS}",
            {method: identity_scores(labels, truth) for method, labels in _identities(taken, products, bench.seed)},
        )


def abt_buy(bench: Bench) -> Iterator[Case]:
    """Grade identity on the catalogues of two shops by the pairs across them."""
    folder = bench.data / "abt_buy"
    mapping = {"product_id": "id", "title": "name", "description": "description", "price": "price"}
    records = chain.from_iterable(
        read_catalogue(
            folder / f"{shop}.csv", format="table", mapping=mapping, encoding="latin-1", constants={"source": shop}
        )
        for shop in ("Abt", "Buy")
    )
    with bench.clustered("abt_buy", records, ["identity"]) as store:
        taken = store.take(("title", "source", "identity", "identity_cell"), vector="text")
    known = pd.read_csv(folder / "abt_buy_perfectMapping.csv", dtype=str)
    matches = rows_of(taken.ids, known[["idAbt", "idBuy"]].to_numpy())
    n, sides = len(taken.ids), numbered(taken.columns["source"])
    graph = sparse.csr_array((np.ones(len(matches)), (matches[:, 0], matches[:, 1])), shape=(n, n))
    products, truth = connected_components(graph, directed=False)
    truth = truth.astype(np.int64)
    yield Case(
        "abt_buy",
        "Abt-Buy, identity across two shops",
        f"{n:,} products of two shops, {len(matches):,} true matches; title and description are embedded, the shop "
        "given as `source`; no label is used. Precision, recall and F1 over pairs across the shops in one cluster; "
        f"B-cubed and ARI against the connected components of the matches. {WORDS_AND_NUMBERS}",
        {
            method: matching_scores(labels, matches, sides, truth)
            for method, labels in _identities(taken, products, bench.seed)
        },
    )


def gift_cards(bench: Bench) -> Iterator[Case]:
    """Count the clusters of a catalogue that has no truth."""
    records = read_catalogue(bench.data / "amazon_gift_cards_2018" / "meta_Gift_Cards.json.gz")
    with bench.clustered("gift_cards", records) as store:
        kinds = _found(store)
        taken = store.take(kinds)
    yield Case(
        "gift_cards",
        "Gift cards (Amazon 2018), counts",
        f"{len(taken.ids):,} products; there is no truth to grade against.",
        {kind: size_scores(_labels(taken, kind)) for kind in kinds},
    )


def toys(bench: Bench) -> Iterator[Case]:
    """Count the clusters of a catalogue without links and compare similarity with its first category level."""
    records = read_catalogue(
        bench.data / "amazon_toys" / "amazon_co-ecommerce_sample.csv.gz",
        format="table",
        separator=";",
        mapping={
            "product_id": "uniq_id",
            "title": "product_name",
            "brand": "manufacturer",
            "price": "price",
            "categories": "amazon_category_and_sub_category",
        },
    )
    with bench.clustered("toys", records) as store:
        kinds = _found(store)
        taken = store.take(("categories", *kinds))
    first = [path[0] if path else None for path in taken.columns["categories"]]
    shelf = numbered(first)
    placed = shelf >= 0
    similarity = _labels(taken, "similarity")
    scores: dict[str, Scores] = {kind: size_scores(_labels(taken, kind)) for kind in kinds}
    scores["similarity"] = {**scores["similarity"], **agreement_scores(similarity[placed], shelf[placed])}
    yield Case(
        "toys",
        "Toys, counts and categories",
        f"{len(taken.ids):,} products without links, the title embedded; similarity against the first level of the "
        f"category path ({shelf.max() + 1} different ones, {placed.sum():,} products that have one).",
        scores,
    )


def _identities(taken: Embedded, products: int, seed: int) -> Iterator[tuple[str, Rows]]:
    """Give the product's two identity labels, then words and numbers, k-means with the old k and with the true one."""
    assert taken.vectors is not None
    sources = numbered(taken.columns["source"])
    yield "identity", _labels(taken, "identity")
    yield "identity_cell", _labels(taken, "identity_cell")
    titles = [title or "" for title in taken.columns["title"]]
    yield "words and numbers", words_and_numbers(titles, sources, seed=seed)
    yield f"k-means, k = {OLD_K}", cells(taken.vectors, OLD_K, seed=seed)
    yield f"k-means, true k = {products:,}", cells(taken.vectors, products, seed=seed)


def _found(store: ProductStore) -> list[str]:
    """Name the kinds of cluster the run made: without links there are no complementary ones."""
    return [kind for kind in KINDS if kind in store.readable_labels()]


def _labels(taken: Embedded, name: str) -> Rows:
    return np.array(taken.columns[name], dtype=np.int64)


def numbered(names: Sequence[Any]) -> Rows:
    """Number equal names alike from 0; None is -1."""
    return np.asarray(pd.factorize(np.array(names, dtype=object))[0], dtype=np.int64)


def rows_of(ids: Sequence[str], wanted: NDArray[np.object_]) -> Rows:
    """Find the row of each product id, in the shape of `wanted`.

    Raises:
        LookupError: If an id is not among them.
    """
    rows = pd.Index(ids).get_indexer(wanted.ravel())
    if (rows < 0).any():
        missing = wanted.ravel()[int(np.argmin(rows))]
        raise LookupError(f"product '{missing}' is not in the store: was its catalogue line rejected?")
    return np.asarray(rows, dtype=np.int64).reshape(wanted.shape)
