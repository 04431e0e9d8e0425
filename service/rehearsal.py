"""A rehearsal: a catalogue's first products go through a whole run in a temporary store, every step timed."""

import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogues
from indexer.embedders import Embedder
from indexer.embedders.text import embedding_text
from indexer.indexing import index_products
from indexer.pipeline import Stages
from indexer.products import Product, Rejected
from indexer.store import open_store

from .catalogue import LINK_NAMES
from .memory import private_bytes
from .progress import Bar, Done, no_bar
from .runs import KINDS, ClusterOptions, cluster

SAMPLE = 12_000
"""Lines rehearsed: the fewest from which every step grows as it does later, some seconds of clustering."""

EMBEDDING = 6.0
"""Seconds spent on embedding; what is not embedded by then gets a vector drawn around one that is."""

FIRST = 256
"""Texts a model is made ready with: as many as the first batch of `index` has."""

GROUP = 200
"""Products that link to each other, where those that a product links to lie beyond the sample."""

_SPREAD = 0.6  # length of what is added to a vector: the nearest neighbours of titles have cosines about .8


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run took for some products of a catalogue.

    Args:
        lines: Lines read.
        products: Products they hold, without repeats.
        dim: Dimensions of a vector.
        links: Links a product, on average, to products of the whole catalogue.
        model: Bytes of memory the model takes.
        seconds: Step -> what it took; a step that this catalogue does not need is not there.
        disk: Step -> bytes of the store after it.
    """

    lines: int
    products: int
    dim: int
    links: float
    model: float
    seconds: Mapping[str, float]
    disk: Mapping[str, float]


def rehearse(
    catalogues: Catalogues,
    embedder: Embedder,
    options: ClusterOptions,
    *,
    total: int,
    text_fields: Sequence[str],
    bar: Bar = no_bar,
) -> Rehearsal:
    """Index and cluster the first products of a catalogue, and time every step.

    Args:
        catalogues: What is going to be indexed.
        embedder: The model it will be embedded with.
        options: Of the clustering.
        total: Lines the catalogue has.
        text_fields: Product fields the text is put together from.
        bar: Draws how far a step is.

    Raises:
        CatalogueError: If the catalogue cannot be read, or holds no product.
        ValueError: If none of the first lines holds a product with a text.
    """
    with TemporaryDirectory(prefix="assort-plan-") as folder:
        steps = _Timed(bar, Path(folder))
        with steps("reading", min(SAMPLE, total)) as done:
            records = list(_counted(islice(catalogues, SAMPLE), done))
        products = _described(records, text_fields)
        before = private_bytes()
        drawn = _embedded([embedding_text(product, text_fields) for product in products], embedder, steps)
        model = max(0, private_bytes() - before)
        share = max(total, len(records)) / len(records)
        inside = _share_inside(products, share * len(products))
        rehearsed = products if len(records) < SAMPLE else list(_rewired(products, inside))
        _run(Path(folder, "first"), rehearsed[:FIRST], drawn, options, text_fields, _Timed(no_bar, Path(folder)))
        shutil.rmtree(Path(folder, "first"))  # it was for the libraries, which load when they are first needed
        _run(Path(folder, "store"), rehearsed, drawn, options, text_fields, steps)
    links = inside * sum(map(len, _listed(products))) / len(products)
    return Rehearsal(len(records), len(products), drawn.dim, links, model, steps.seconds, steps.disk)


class _Timed:
    """A bar that notes how long each step takes, and how large the store is after it.

    Args:
        bar: Draws how far a step is.
        folder: Of the store.
    """

    def __init__(self, bar: Bar, folder: Path) -> None:
        self._bar, self._folder = bar, folder
        self.seconds: dict[str, float] = {}
        self.disk: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str, total: int | None) -> Iterator[Done]:
        with self._bar(step, total) as done:
            started = time.perf_counter()
            yield done
            self.seconds[step] = time.perf_counter() - started
        self.disk[step] = sum(file.stat().st_blocks * 512 for file in self._folder.rglob("*") if file.is_file())


def _run(
    folder: Path,
    products: Sequence[Product],
    embedder: Embedder,
    options: ClusterOptions,
    text_fields: Sequence[str],
    steps: _Timed,
) -> None:
    """Index and cluster products in a store of their own."""
    stages = Stages()
    with open_store(str(folder), create=True) as store:
        with steps("writing", len(products)) as done:
            index_products(products, store, embedder, text_fields=text_fields, stages=stages, progress=done)
        cluster(store, KINDS, options, bar=steps)
    steps.seconds["reading"] = steps.seconds.get("reading", 0.0) + stages.seconds["reading"]
    steps.seconds["writing"] = stages.seconds["writing"]


def _counted(records: Iterable[Product | Rejected], done: Done) -> Iterator[Product | Rejected]:
    for record in records:
        done(1)
        yield record


class _Drawn:
    """Gives texts their vectors where they were embedded, and others one drawn around one of these."""

    def __init__(self, name: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self.name, self.dim = name, vectors.shape[1]
        self._vectors, self._row = vectors, {text: row for row, text in enumerate(texts)}
        self._rng = np.random.default_rng(0)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Look up or draw float32 (b, dim), rows of length 1."""
        rows = np.array([self._row.get(text, -1) for text in texts], dtype=np.int64)
        drawn = self._vectors[self._rng.integers(len(self._vectors), size=len(rows))]
        drawn = drawn + self._rng.normal(scale=_SPREAD / self.dim**0.5, size=drawn.shape).astype(np.float32)
        vectors = np.where(rows[:, None] < 0, drawn, self._vectors[rows])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _embedded(texts: Sequence[str], embedder: Embedder, steps: _Timed) -> _Drawn:
    """Embed batch by batch while there is time, and note what all texts would take."""
    different = list(dict.fromkeys(texts))
    with steps("loading the model", None):
        vectors = [embedder.embed(different[:FIRST])]
    done, started = 0, time.perf_counter()
    with steps("embedding", len(different)) as progress:
        while done < len(different) and (not done or time.perf_counter() - started < EMBEDDING):
            batch = different[done : done + FIRST]
            vectors.append(embedder.embed(batch))
            done += len(batch)
            progress(len(batch))
    steps.seconds["embedding"] *= len(different) / done
    return _Drawn(embedder.name, different[:done], np.concatenate(vectors[1:]))


def _described(records: Sequence[Product | Rejected], text_fields: Sequence[str]) -> list[Product]:
    """Keep the products that can be embedded, the last of each id."""
    products = {record.product_id: record for record in records if isinstance(record, Product)}
    described = [product for product in products.values() if embedding_text(product, text_fields)]
    if not described:
        raise ValueError(
            f"none of the first {len(records):,} lines holds a product with a text: try --map title=COLUMN"
        )
    return described


def _listed(products: Sequence[Product]) -> Iterator[tuple[str, ...]]:
    for product in products:
        for name in LINK_NAMES:
            yield getattr(product, name)


def _share_inside(products: Sequence[Product], total: float) -> float:
    """Estimate which share of the links leads to products of the catalogue, from those that lead into the sample."""
    ids = {product.product_id for product in products}
    listed = [other for some in _listed(products) for other in some]
    found = sum(other in ids for other in listed)
    return min(1.0, found * total / (len(listed) * len(products))) if listed else 0.0


def _rewired(products: Sequence[Product], inside: float) -> Iterator[Product]:
    """Lead links that leave the sample back into it, as many as would stay in the catalogue.

    Products beside each other form a group, and in a group one id always leads to one product: lists that share ids
    still do, so that a graph comes out as dense as the whole catalogue's, with communities.
    """
    ids = {product.product_id for product in products}
    for position, product in enumerate(products):
        group = products[position // GROUP * GROUP :][:GROUP]
        led: dict[str, Any] = {name: _led_back(getattr(product, name), ids, group, inside) for name in LINK_NAMES}
        yield replace(product, **led)


def _led_back(listed: Sequence[str], ids: set[str], group: Sequence[Product], inside: float) -> tuple[str, ...]:
    found = dict[str, None]()
    for other in listed:
        drawn = zlib.crc32(other.encode())
        stays = other not in ids and drawn % 1000 < 1000 * inside
        found[group[drawn // 1000 % len(group)].product_id if stays else other] = None
    return tuple(found)
