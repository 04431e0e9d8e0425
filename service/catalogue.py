"""A stored catalogue as rows: the one place where product ids meet row numbers."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.shoppers import Links
from indexer.store import LABELS, ProductStore

from .progress import Done

Rows = NDArray[np.int64]
LINK_NAMES = ("also_buy", "also_view", "bought_together")


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All products of a store as rows, in the store's order.

    Args:
        ids: n product ids.
        vectors: Text vectors, float32 (n, dim), rows of length 1.
        titles: n titles, empty where a product has none.
        brands: n brands, likewise.
        sources: int64 (n,), a number for each merchant, -1 where unknown; None when no product names one.
        links: Link name -> links between rows; those to products that are not in the store are left out.
        labels: Label name -> int64 (n,), as stored, -1 where there is none.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    titles: list[str]
    brands: list[str]
    sources: Rows | None
    links: Mapping[str, Links]
    labels: Mapping[str, Rows]


def take_catalogue(store: ProductStore, progress: Done = lambda done: None) -> Catalogue:
    """Read all a clustering needs from a store.

    Args:
        store: Filled by `index`.
        progress: Called with the number of products read, page by page.

    Raises:
        LookupError: If the store holds no products.
    """
    names = ("title", "brand", "source")
    ids: list[str] = []
    texts: dict[str, list[str]] = {name: [] for name in names}
    labels: dict[str, list[int]] = {name: [] for name in LABELS}
    links = {name: _LinkReader() for name in LINK_NAMES}
    numbers: dict[str, int] = {}
    vectors: list[NDArray[np.float32]] = []
    for page in store.pages((*names, *LABELS, *LINK_NAMES), vector="text"):
        vectors.append(np.array([found.vectors["text"] for found in page], dtype=np.float32))
        for found in page:
            payload = found.payload
            ids.append(payload["product_id"])
            for name in names:
                texts[name].append(payload.get(name) or "")
            for label, column in labels.items():
                column.append(payload.get(label, -1))
            for name, reader in links.items():
                reader.add(payload.get(name, ()), numbers)
        progress(len(page))
    row_of = np.full(len(numbers), -1, dtype=np.int64)
    for row, product_id in enumerate(ids):
        if product_id in numbers:
            row_of[numbers[product_id]] = row
    return Catalogue(
        ids,
        np.concatenate(vectors),
        texts["title"],
        texts["brand"],
        _numbered(texts["source"]),
        {name: reader.links(row_of) for name, reader in links.items()},
        {name: np.array(column, dtype=np.int64) for name, column in labels.items()},
    )


class _LinkReader:
    """Keeps the ids a product lists as numbers: as texts, half a million products' lists would take gigabytes."""

    def __init__(self) -> None:
        self._lengths, self._listed = array("q"), array("q")

    def add(self, listed: Sequence[str], numbers: dict[str, int]) -> None:
        """Note what the next product lists; an id not numbered yet gets the next number."""
        self._lengths.append(len(listed))
        self._listed.extend([numbers.setdefault(product_id, len(numbers)) for product_id in listed])

    def links(self, row_of: Rows) -> Links:
        """Give the links between rows, without those to products that have no row."""
        lengths = np.frombuffer(self._lengths, dtype=np.int64)
        source = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        target = row_of[np.frombuffer(self._listed, dtype=np.int64)] if len(source) else source
        known = (target >= 0) & (target != source)
        return Links(source[known], target[known])


def _numbered(sources: Sequence[str]) -> Rows | None:
    """Number the sources, -1 for none; None when no product names one."""
    names = {name: number for number, name in enumerate(dict.fromkeys(filter(None, sources)))}
    return np.array([names.get(source, -1) for source in sources], dtype=np.int64) if names else None
