"""A stored catalogue as rows: the one place where product ids meet row numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
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
    taken = store.take(("title", "brand", "source", *LINK_NAMES, *LABELS), vector="text", progress=progress)
    assert taken.vectors is not None
    rows = pd.Index(taken.ids)
    return Catalogue(
        taken.ids,
        taken.vectors,
        [title or "" for title in taken.columns["title"]],
        [brand or "" for brand in taken.columns["brand"]],
        _numbered(taken.columns["source"]),
        {name: _linked_rows(rows, taken.columns[name]) for name in LINK_NAMES},
        {name: np.array([-1 if v is None else v for v in taken.columns[name]], dtype=np.int64) for name in LABELS},
    )


def _numbered(sources: Sequence[str | None]) -> Rows | None:
    codes, names = pd.factorize(np.array(sources, dtype=object))
    return codes.astype(np.int64) if len(names) else None


def _linked_rows(rows: "pd.Index[Any]", lists: Sequence[Sequence[str] | None]) -> Links:
    lengths = [len(linked) if linked else 0 for linked in lists]
    source = np.repeat(np.arange(len(lists), dtype=np.int64), lengths)
    target = rows.get_indexer(list(chain.from_iterable(linked for linked in lists if linked))).astype(np.int64)
    known = (target >= 0) & (target != source)
    return Links(source[known], target[known])
