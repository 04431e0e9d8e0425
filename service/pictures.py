"""The pictures of a label's clusters, taken from the store to be looked at."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from indexer.images.foreground import Box
from indexer.store import PICTURE, PICTURE_BOX, Payload, ProductStore
from indexer.store.block import Block

from .names import names_of
from .progress import Done
from .report import Cluster, Tile

MOST_CLUSTERS = 200
BY_ROLES = "complementary"
"""The label whose clusters hold products of different kinds."""

_MEMORY = 500_000_000  # bytes of vectors; where there may be more, they wait in a temporary file
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
_NO_NAMES = frozenset(("and", "for", "from", "the", "with"))
_NAME_WORDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Clusters to be shown.

    Args:
        of_all: How many clusters the label has.
        names: The number of each cluster to be shown, and its name, else the words its titles share.
        clusters: The clusters themselves, largest first, made one by one; they need the store no more.
    """

    of_all: int
    names: Mapping[int, str]
    clusters: Iterator[Cluster]


def gather(
    store: ProductStore,
    label: str,
    *,
    clusters: Sequence[int] = (),
    limit: int = MOST_CLUSTERS,
    progress: Done = lambda done: None,
) -> Gathered:
    """Read the products of clusters with their pictures, and what they are likened by: pictures, else texts.

    Args:
        store: Filled, clustered, and indexed with pictures.
        label: Whose clusters.
        clusters: Their numbers; none for the largest.
        limit: How many of the largest, where none are named.
        progress: Called with the number of products read, page by page.

    Raises:
        LookupError: If there is no such label, no such cluster, or no picture in any of them.
    """
    sizes = dict(store.cluster_sizes(label))
    wanted = _wanted(sizes, label, clusters, limit)
    taken = _take(store, label, wanted, progress)
    tiles, rows = taken.tiles, taken.rows
    if not any(tile.picture for tile in tiles):
        raise LookupError(
            "no product of these clusters has a picture: run `assort index CATALOGUE --images download` first, "
            "or --images FOLDER"
        )
    kept = names_of(store, label, wanted)
    names = {n: kept.get(n) or common_words([tiles[row].title for row in rows[n]]) for n in wanted}
    roles = _roles(tiles, taken.kinds) if label == BY_ROLES else []
    made = (
        Cluster(
            number,
            [tiles[row] for row in rows[number]],
            np.asarray(taken.vectors[rows[number]], dtype=np.float32),
            [roles[row] for row in rows[number]] if roles else (),
        )
        for number in wanted
    )
    return Gathered(len(sizes), names, made)


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """The products of the clusters: their rows by cluster, and n tiles, kinds and vectors."""

    rows: Mapping[int, list[int]]
    tiles: list[Tile]
    kinds: list[str]
    vectors: Block


def _take(store: ProductStore, label: str, wanted: Sequence[int], progress: Done) -> _Taken:
    """Read the products of some clusters in one pass over the store."""
    by = "image" if "image" in store.dims() else "text"
    similarity = ("similarity",) if "similarity" in store.readable_labels() else ()
    block = store.block(by, memory_limit=_MEMORY)
    rows: dict[int, list[int]] = {number: [] for number in wanted}
    tiles: list[Tile] = []
    kinds: list[str] = []
    for page in store.pages(("title", "categories", PICTURE, PICTURE_BOX, label, *similarity), vector=by):
        inside = [found for found in page if found.payload.get(label) in rows]
        block.add([found.vectors.get(by) for found in inside])
        for found in inside:
            rows[found.payload[label]].append(len(tiles))
            tiles.append(_tile(found.payload))
            kinds.append(_kind(found.payload))
        progress(len(page))
    return _Taken(rows, tiles, kinds, block.block())


def _wanted(sizes: Mapping[int, int], label: str, clusters: Sequence[int], limit: int) -> list[int]:
    """Choose the clusters, largest first, and check that those asked for are there."""
    largest = sorted(sizes, key=lambda number: (-sizes[number], number))
    for number in clusters:
        if number not in sizes:
            raise LookupError(f"label '{label}' has no cluster {number}: `assort labels {label}` lists them")
    return [number for number in largest if number in clusters] if clusters else largest[:limit]


def _tile(payload: Payload) -> Tile:
    picture, box = payload.get(PICTURE), tuple(payload.get(PICTURE_BOX, ()))
    title = payload.get("title") or " > ".join(payload.get("categories", ()))
    return Tile(payload["product_id"], title, Path(picture) if picture else None, cast(Box, box) if box else None)


def _kind(payload: Payload) -> str:
    """Say what kind of product it is: its narrowest category, or else its similarity cluster."""
    categories = payload.get("categories")
    if categories:
        return str(categories[-1])
    return f"similarity {payload['similarity']}" if "similarity" in payload else "other"


def _roles(tiles: Sequence[Tile], kinds: Sequence[str]) -> list[str]:
    """Give similarity clusters, which stand for a kind where there are no categories, a name as well."""
    titles: dict[str, list[str]] = defaultdict(list)
    for tile, kind in zip(tiles, kinds, strict=True):
        if kind.startswith("similarity "):
            titles[kind].append(tile.title)
    named = {kind: f"{common_words(some)} ({kind})" for kind, some in titles.items()}
    return [named.get(kind, kind) for kind in kinds]


def common_words(titles: Sequence[str]) -> str:
    """Name products by the words that most of their titles share, in the order the titles have them.

    A word of at most half the titles is no name, unless no word is in more.
    """
    count: Counter[str] = Counter()
    place: Counter[str] = Counter()
    for title in titles:
        words = list(dict.fromkeys(word.lower() for word in _WORD.findall(title)))
        for position, word in enumerate(word for word in words if word not in _NO_NAMES):
            count[word] += 1
            place[word] += position
    best = sorted(count, key=lambda word: (-count[word], place[word] / count[word], word))[:_NAME_WORDS]
    shared = [word for word in best if 2 * count[word] > len(titles)] or best[:1]
    return " ".join(sorted(shared, key=lambda word: (place[word] / count[word], word)))
