"""What the checks of a store need of every product, read page by page: a pass over payloads, one over each vector."""

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.store import PICTURE, UNLABELLED, Found, ProductStore, point_id
from indexer.store.block import Block

from .progress import Done

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NO_NUMBER = -3
"""What stands for a label that is no cluster's number."""

_MEMORY = 500_000_000  # bytes of vectors; where there are more they wait in a temporary file
_UNTRUE = 1e-3  # from length 1, as the store has it
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """The payloads of n points.

    Args:
        ids: Product ids, empty where a point has none.
        astray: bool (n,), points that are not where their product's point is.
        titles: uint64 (n,), equal for equal titles and brands, whatever their case and marks; 0 without a title.
        sources: n merchants, empty where unknown.
        labels: Label name -> int64 (n,), `UNLABELLED` and `NO_NUMBER` among them.
        lost: bool (n,), products whose picture was found once and is no file any more.
    """

    ids: list[str]
    astray: Flags
    titles: NDArray[np.uint64]
    sources: list[str]
    labels: Mapping[str, Numbers]
    lost: Flags


@dataclass(frozen=True, slots=True, eq=False)
class InspectedVectors:
    """One kind of vector of n points.

    Args:
        block: (n, dim), float32 or float16, NaN where there is none.
        missing: bool (n,).
        wrong: bool (n,), those that are there and not of length 1: of NaN, of zeros.
    """

    block: Block
    missing: Flags
    wrong: Flags


def inspect(store: ProductStore, labels: Sequence[str], progress: Done) -> Inspected:
    """Read the payloads of all points.

    Args:
        store: Filled.
        labels: Those wanted.
        progress: Called with the number of points read, page by page.
    """
    ids: list[str] = []
    sources: list[str] = []
    astray, lost, titles = array("b"), array("b"), array("Q")
    numbers = {label: array("q") for label in labels}
    for page in store.pages(("title", "brand", "source", PICTURE, *labels)):
        payloads = [found.payload for found in page]
        ids.extend([payload.get("product_id") or "" for payload in payloads])
        sources.extend([payload.get("source") or "" for payload in payloads])
        astray.extend(map(_astray, page))
        titles.extend([_title(payload.get("title") or "", payload.get("brand") or "") for payload in payloads])
        lost.extend([_lost(payload.get(PICTURE) or "") for payload in payloads])
        for label, column in numbers.items():
            column.extend([_number(payload.get(label)) for payload in payloads])
        progress(len(page))
    return Inspected(
        ids,
        np.frombuffer(astray, dtype=np.bool_),
        np.frombuffer(titles, dtype=np.uint64),
        sources,
        {label: np.frombuffer(column, dtype=np.int64) for label, column in numbers.items()},
        np.frombuffer(lost, dtype=np.bool_),
    )


def inspect_vectors(store: ProductStore, name: str, progress: Done) -> InspectedVectors:
    """Read one kind of vector of all points, in the same order; the arguments are those of `inspect`."""
    block = store.block(name, memory_limit=_MEMORY)
    missing, wrong = array("b"), array("b")
    for page in store.pages(vector=name):
        vectors = [found.vectors.get(name) for found in page]
        missing.extend([vector is None for vector in vectors])
        lengths = [1.0 if vector is None else float(np.sqrt(vector @ vector)) for vector in vectors]
        wrong.extend([not abs(length - 1) < _UNTRUE for length in lengths])  # NaN is not below anything
        block.add(vectors)
        progress(len(page))
    return InspectedVectors(block.block(), np.frombuffer(missing, dtype=np.bool_), np.frombuffer(wrong, dtype=np.bool_))


def _astray(found: Found) -> bool:
    product_id = found.payload.get("product_id")
    return not product_id or found.id != point_id(product_id)


def _lost(picture: str) -> bool:
    return bool(picture) and not Path(picture).is_file()


def _title(title: str, brand: str) -> int:
    """Number a title with its brand."""
    words = _WORD.findall(title.casefold())
    if not words:
        return 0
    text = " ".join((*words, "\0", *_WORD.findall(brand.casefold())))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") or 1


def _number(value: Any) -> int:
    if value is None:
        return UNLABELLED
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= -1 else NO_NUMBER
