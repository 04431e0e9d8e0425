"""A stored catalogue as rows: the one place where product ids meet row numbers."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.pictures import Pictures
from graph.shoppers import Links
from indexer.store import LABELS, PICTURE_HASH, ProductStore

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
        pictures: Image vectors, NaN where a product has no picture, and perceptual hashes; None when the store has none
            at all.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    titles: list[str]
    brands: list[str]
    sources: Rows | None
    links: Mapping[str, Links]
    labels: Mapping[str, Rows]
    pictures: Pictures | None = None


def take_catalogue(store: ProductStore, progress: Done = lambda done: None, *, mapped: bool = False) -> Catalogue:
    """Read all a clustering needs from a store, in one pass, and one more for pictures.

    Args:
        store: Filled by `index`.
        progress: Called with the number of products read, page by page.
        mapped: Whether the vectors lie in a temporary file, mapped into memory, that vanishes with them.

    Raises:
        LookupError: If the store holds no products.
    """
    names = ("title", "brand", "source")
    ids: list[str] = []
    texts: dict[str, list[str]] = {name: [] for name in names}
    labels = {name: array("q") for name in LABELS}
    links = {name: _LinkReader() for name in LINK_NAMES}
    pages = store.pages((*names, *LABELS, *LINK_NAMES), vector="text")
    block = store.block("text", memory_limit=0 if mapped else None, exact=True)
    for page in pages:
        block.add([found.vectors["text"] for found in page])
        payloads = [found.payload for found in page]
        ids.extend([payload["product_id"] for payload in payloads])
        for name, column in texts.items():
            column.extend([payload.get(name) or "" for payload in payloads])
        for name, numbered in labels.items():
            numbered.extend([payload.get(name, -1) for payload in payloads])
        for name, reader in links.items():
            reader.add([payload.get(name, ()) for payload in payloads])
        progress(len(page))
    rows = _arrow(ids)
    return Catalogue(
        ids,
        np.asarray(block.block(), dtype=np.float32),
        texts["title"],
        texts["brand"],
        _numbered(texts["source"]),
        {name: reader.links(rows) for name, reader in links.items()},
        {name: np.frombuffer(numbered, dtype=np.int64) for name, numbered in labels.items()},
        _pictures(store, mapped=mapped),
    )


def _pictures(store: ProductStore, *, mapped: bool) -> Pictures | None:
    """Read what is known of the pictures, in the same order as all else."""
    if "image" not in store.dims():
        return None
    block, hashes = store.block("image", memory_limit=0 if mapped else None, exact=True), array("Q")
    for page in store.pages((PICTURE_HASH,), vector="image"):
        block.add([found.vectors.get("image") for found in page])
        hashes.extend(int(found.payload.get(PICTURE_HASH) or "0", 16) for found in page)
    return Pictures(np.frombuffer(hashes, dtype=np.uint64), np.asarray(block.block(), dtype=np.float32))


class _LinkReader:
    """Keeps the ids that products list in Arrow's memory: as Python texts they would take gigabytes."""

    def __init__(self) -> None:
        self._lengths = array("q")
        self._listed: list[Any] = []

    def add(self, lists: Sequence[Sequence[str]]) -> None:
        """Note what the next products list."""
        self._lengths.extend(map(len, lists))
        self._listed.append(_arrow([product_id for listed in lists for product_id in listed]))

    def links(self, ids: Any) -> Links:
        """Give the links between rows, without those to products that have no row.

        Args:
            ids: The products of the rows, as an Arrow array.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        lengths = np.frombuffer(self._lengths, dtype=np.int64)
        source = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        found = pc.index_in(pa.chunked_array(self._listed, pa.string()), value_set=ids)
        target = pc.fill_null(found, -1).to_numpy().astype(np.int64)
        known = (target >= 0) & (target != source)
        return Links(source[known], target[known])


def _arrow(texts: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(texts, pa.string())


def _numbered(sources: Sequence[str]) -> Rows | None:
    """Number the sources, -1 for none; None when no product names one."""
    names = {name: number for number, name in enumerate(dict.fromkeys(filter(None, sources)))}
    return np.array([names.get(source, -1) for source in sources], dtype=np.int64) if names else None
