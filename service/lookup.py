"""Questions about a catalogue, answered from its store: the same for the command line, Python and HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clustering.clustering import NOISE
from indexer.embedders.terms import terms
from indexer.embedders.text import TextEmbedder
from indexer.store import (
    COMPLEMENTS,
    COMPLEMENTS_HASH,
    IMAGE_HASH,
    RECORD_HASH,
    RESERVED,
    SUPERSEDED,
    TEXT_HASH,
    Condition,
    Found,
    Hit,
    Nearest,
    Payload,
    ProductStore,
    membership_key,
)

from .fusion import shares_of, similar_fused
from .names import names_of

By = Literal["text", "image", "features", "fused"]

MAIN_LABELS = ("identity", "similarity", "complementary")
EXAMPLES = 50  # products of a cluster from which the one shown is chosen
READ_PER_QUESTION = 30  # products that are read in the time in which one cluster is asked for; measured, 12 to 40
_HIDDEN = frozenset((RECORD_HASH, TEXT_HASH, IMAGE_HASH, SUPERSEDED, COMPLEMENTS, COMPLEMENTS_HASH))


@dataclass(frozen=True, slots=True)
class Answer:
    """One product of an answer, with the reason it is there where the question has one, and its clusters' names."""

    hit: Hit
    why: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Give the answer as JSON-like values: the main labels always, null where a product has none."""
        hit = self.hit
        shown: dict[str, Any] = {
            "product_id": hit.product_id,
            "score": hit.score if hit.score is None else round(hit.score, 6),
            "title": hit.title,
            "brand": hit.brand,
            "price": hit.price,
            "image_url": hit.image_url,
            "categories": list(hit.categories),
            **dict.fromkeys(MAIN_LABELS),
            **hit.labels,
        }
        shown |= {"cluster_names": dict(self.names)} if self.names else {}
        return {**shown, "why": self.why} if self.why else shown


def named(store: ProductStore, answers: Mapping[str, Sequence[Answer]]) -> dict[str, list[Answer]]:
    """Add the names of the clusters to answers, where they have any: one request a label for all of them."""
    hits = [answer.hit for some in answers.values() for answer in some]
    names = {
        label: names_of(store, label, {hit.labels[label] for hit in hits if label in hit.labels})
        for label in {label for hit in hits for label in hit.labels}
    }
    found = {label: some for label, some in sorted(names.items()) if some}

    def of(hit: Hit) -> dict[str, str]:
        return {label: some[hit.labels[label]] for label, some in found.items() if hit.labels.get(label) in some}

    return {asked: [replace(answer, names=of(answer.hit)) for answer in some] for asked, some in answers.items()}


def known_ids(store: ProductStore, product_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part ids into those in the store and the others, each once, in their order."""
    there = store.stored(product_ids)
    ids = list(dict.fromkeys(product_ids))
    return [i for i in ids if i in there], [i for i in ids if i not in there]


def similar(
    store: ProductStore,
    product_ids: Sequence[str],
    *,
    by: By = "text",
    weights: Mapping[str, float] | None = None,
    where: Sequence[Condition] = (),
    limit: int = 10,
) -> dict[str, list[Answer]]:
    """Find the nearest products of each product: by the meaning of its text, its picture, both, or its features.

    The score is a cosine. By features that of rows on a sphere, `on_sphere`: larger is nearer there too, but its size
    says little, because all rows lie within a right angle of each other and most far closer.

    Args:
        store: Where.
        product_ids: Products asked about.
        by: What they are compared by; `fused` is text and picture together, `features` the columns or counts that
            `index --numeric` or `--aggregate` named.
        weights: Kind of vector -> its weight, for `fused`; None for the store's own.
        where: Conditions that all hold.
        limit: Most products of each answer.

    Raises:
        LookupError: If a product is not in the store, or has no such vector.
        ValueError: If the filter, the limit or a weight is wrong.
    """
    if by == "fused":
        found = similar_fused(store, product_ids, shares_of(store, weights), where=where, limit=limit)
    else:
        found = store.similar(product_ids, by=by, where=where, limit=limit)
    return {product_id: [Answer(hit) for hit in hits] for product_id, hits in found.items()}


def like_vector(
    store: ProductStore, vector: NDArray[np.float32], *, where: Sequence[Condition] = (), limit: int = 10
) -> list[Answer]:
    """Find the products whose pictures are nearest to a vector of the image model, float32 (dim,), of length 1."""
    return [Answer(hit) for hit in store.search([Nearest(vector, "image")], where=where, limit=limit)]


def search(
    store: ProductStore,
    text: str,
    *,
    where: Sequence[Condition] = (),
    limit: int = 10,
    embedder: TextEmbedder | None = None,
) -> list[Answer]:
    """Find products by free text: by its meaning and by its words, fused in the engine.

    Args:
        store: Where.
        text: Anything; not empty.
        where: Conditions that all hold.
        limit: Most products wanted.
        embedder: The model the store was made with; loaded when not given.

    Raises:
        ValueError: If the text is empty.
        LookupError: If the store holds no products.
    """
    if not text.strip():
        raise ValueError('the text to search for is empty: write a few words, for example "usb c charger"')
    model = store.records.settings().text_model
    if not model:
        raise LookupError(f"collection '{store.name}' holds no products: run `assort index CATALOGUE` first")
    (vector,) = (embedder or TextEmbedder(model)).embed([text])
    words = terms(text)
    nearest = [Nearest(vector, "text"), *([Nearest(words, "terms")] if words.indices else [])]
    return [Answer(hit) for hit in store.search(nearest, where=where, limit=limit)]


def products(store: ProductStore, *, where: Sequence[Condition] = (), limit: int | None = 10) -> list[Answer]:
    """Find the products that fulfil all conditions, for example all of one cluster."""
    return [Answer(hit) for hit in store.products(where, limit)]


def label_summary(store: ProductStore) -> list[dict[str, Any]]:
    """Say of each label how many clusters it has, how many products they hold, and how large they are."""
    summary = []
    for name in store.readable_labels():
        sizes = [size for _, size in store.cluster_sizes(name)]
        summary.append(
            {
                "label": name,
                "clusters": len(sizes),
                "products": sum(sizes),
                "largest": max(sizes, default=0),
                "median": sorted(sizes)[len(sizes) // 2] if sizes else 0,
                "singletons": sizes.count(1),
                "noise": store.count([Condition(name, "=", (NOISE,))]),
            }
        )
    return summary


def clusters(store: ProductStore, label: str, *, limit: int | None = 20) -> list[dict[str, Any]]:
    """List the clusters of a label, largest first, each with its size, its name where it has one, and an example.

    The example is a product from the middle of the cluster, as far as `EXAMPLES` of its products tell.
    """
    sizes = store.cluster_sizes(label)[:limit]
    names = names_of(store, label, [cluster for cluster, _ in sizes])
    examples = dict(_examples(store, label, dict(sizes)))
    return [
        {
            "cluster": cluster,
            "size": size,
            **({"name": names.get(cluster, "")} if names else {}),
            "example": examples[cluster].get("title") or " > ".join(examples[cluster].get("categories", ())),
            "product_id": examples[cluster]["product_id"],
        }
        for cluster, size in sizes
        if cluster in examples
    ]


def _examples(store: ProductStore, label: str, sizes: Mapping[int, int]) -> Iterator[tuple[int, Payload]]:
    """Choose a product of each cluster: read cluster by cluster, or all products at once where that is less work."""
    keys, vector = (label, "title", "categories"), "text" if "text" in store.dims() else None
    if len(sizes) * READ_PER_QUESTION < store.count():
        for cluster in sizes:
            where = [Condition(label, "=", (cluster,))]
            pages = store.pages(keys, vector=vector, where=where, page=EXAMPLES)
            if some := list(islice(chain.from_iterable(pages), EXAMPLES)):
                yield cluster, _most_central(some)
        return
    waiting: dict[int, list[Found]] = {cluster: [] for cluster in sizes}
    for found in chain.from_iterable(store.pages(keys, vector=vector)):
        cluster = found.payload.get(label, NOISE)
        if cluster in waiting:
            waiting[cluster].append(found)
            if len(waiting[cluster]) == min(sizes[cluster], EXAMPLES):
                yield cluster, _most_central(waiting.pop(cluster))
    yield from ((cluster, _most_central(some)) for cluster, some in waiting.items() if some)  # some were just deleted


def _most_central(products: Sequence[Found]) -> Payload:
    """Choose the product nearest to the mean of all by text; the first where none has such a vector, or all are two."""
    there = [found for found in products if "text" in found.vectors]
    if len(products) <= 2 or not there:
        return products[0].payload
    vectors = np.array([found.vectors["text"] for found in there])
    return there[int((vectors @ vectors.mean(axis=0)).argmax())].payload  # rows of length 1: the larger, the nearer


def show(store: ProductStore, product_id: str) -> dict[str, Any]:
    """Give everything the store knows of one product, its clusters with their sizes.

    Raises:
        LookupError: If the product is not in the store.
    """
    products = store.get([product_id])
    store.check_there([product_id], products)
    payload = products[product_id]
    readable = store.readable_labels()
    # All else in a payload is what is left of labels half written or forgotten.
    known = (RESERVED - _HIDDEN).union(readable, map(membership_key, readable))
    shown = {key: value for key, value in payload.items() if key in known}
    for label in readable:
        if label in shown:
            shown |= {f"{label}_name": name for name in names_of(store, label, [shown[label]]).values()}
            shown[f"{label}_size"] = store.count([Condition(label, "=", (shown[label],))])
    return shown
