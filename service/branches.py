"""A taxonomy as it is in the store, as a tree: what each branch is called, how large it is, what is in it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clustering.phrases import fold, words_of
from clustering.rows import members_of
from clustering.taxonomy import nested_linkage
from indexer.store import ProductStore

from .names import names_of
from .report.tree import Node
from .taxonomy import level_labels, made_on
from .vectors import label_column, take_vectors

EXAMPLES = 3
_ROWS = 4096  # summed at a time: a float32 sum of more loses digits
MOST_LEAVES = 50
"""Clusters a dendrogram shows; of the levels, the finest that has no more is drawn."""

_Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Twig:
    """One cluster of a taxonomy.

    Args:
        level: 1 for the coarsest.
        number: Of the cluster.
        name: What it is called; empty where nothing names it.
        size: How many products it holds.
        examples: Titles of some of them.
        children: The clusters of the next level inside it, largest first.
    """

    level: int
    number: int
    name: str
    size: int
    examples: Sequence[str] = ()
    children: Sequence["Twig"] = field(default_factory=tuple)


def twigs(store: ProductStore) -> list[Twig]:
    """Read the taxonomy of a store, the largest cluster first.

    Raises:
        LookupError: If there is none.
    """
    labels = level_labels(store)
    if not labels:
        raise LookupError("there is no taxonomy: run `assort taxonomy` first")
    members: dict[_Path, list[str]] = defaultdict(list)
    for page in store.pages(("title", "categories", *labels)):
        for payload in (found.payload for found in page):
            if all(payload.get(label, -1) >= 0 for label in labels):
                title = payload.get("title") or " > ".join(payload.get("categories", ()))
                members[tuple(payload[label] for label in labels)].append(title)
    names = [names_of(store, label, {path[level] for path in members}) for level, label in enumerate(labels)]
    return list(_below((), members, names))


def nodes(found: Sequence[Twig]) -> list[Node]:
    """Give a taxonomy the form a page shows it in."""
    return [
        Node(twig.name or "unnamed", twig.size, f"taxonomy_{twig.level}={twig.number}", twig.examples,
             nodes(twig.children))
        for twig in found
    ]  # fmt: skip


def lines(found: Sequence[Twig], *, depth: int, width: int, indent: str = "") -> Iterator[str]:
    """Write a taxonomy as text: so many levels, so many branches of each."""
    for twig in found[:width]:
        example = f"  e.g. {twig.examples[0]}" if twig.examples else ""
        yield f"{indent}{twig.number:>4}  {twig.name or '-'}  ({twig.size:,}){example}"
        if depth > 1:
            yield from lines(twig.children, depth=depth - 1, width=width, indent=f"{indent}    ")
    if len(found) > width:
        left = found[width:]
        yield f"{indent}      and {len(left):,} more with {sum(twig.size for twig in left):,} products"


def dendrogram(store: ProductStore) -> tuple[NDArray[np.float64], list[str]]:
    """Merge the clusters of the finest level that can be drawn: linkage float64 (k - 1, 4), and k names.

    They are compared by the vectors that the taxonomy was made on.

    Raises:
        LookupError: If there is no taxonomy.
    """
    labels = level_labels(store)
    on, weights = made_on(store)
    taken = take_vectors(store, on, keys=labels, weights=weights)
    columns = [label_column(taken.columns[label]) for label in labels]
    drawn = max([0, *(level for level, numbers in enumerate(columns) if len(np.unique(numbers)) <= MOST_LEAVES)])
    rows = np.flatnonzero(np.all([numbers >= 0 for numbers in columns], axis=0))
    clusters, first, place, sizes = np.unique(
        columns[drawn][rows], return_index=True, return_inverse=True, return_counts=True
    )
    means = _means(taken.vectors, rows, place, sizes)
    parents = np.array([numbers[rows][first] for numbers in columns[:drawn]], dtype=np.int64)
    names = names_of(store, labels[drawn], clusters.tolist())
    leaves = [names.get(number, f"{labels[drawn]}={number}") for number in clusters.tolist()]
    return nested_linkage(means, parents.reshape(drawn, len(clusters))), leaves


def _means(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], place: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Average the rows of each cluster, some rows at a time: float64 (k, d)."""
    sums = np.zeros((len(sizes), vectors.shape[1]))
    for start in range(0, len(rows), _ROWS):
        some = slice(start, start + _ROWS)
        sums += members_of(place[some], len(sizes)) @ vectors[rows[some]]
    return np.asarray(sums / sizes[:, None])


def _below(path: _Path, members: dict[_Path, list[str]], names: Sequence[dict[int, str]]) -> Iterator[Twig]:
    """Give the clusters below one, largest first."""
    level = len(path)
    if level == len(names):
        return
    inside: dict[int, dict[_Path, list[str]]] = defaultdict(dict)
    for each, titles in members.items():
        inside[each[level]][each] = titles
    for number, some in sorted(inside.items(), key=lambda item: (-sum(map(len, item[1].values())), item[0])):
        titles = [title for each in some.values() for title in each if title]
        yield Twig(
            level + 1,
            number,
            names[level].get(number, ""),
            sum(map(len, some.values())),
            _examples(titles, names[level].get(number, "")),
            list(_below((*path, number), some, names)),
        )


def _examples(titles: Sequence[str], name: str) -> list[str]:
    """Choose titles, spread evenly, of those that say most of what the name says."""
    words = {fold(word) for word in words_of(name) if len(word) > 1}
    said = [len(words.intersection(map(fold, words_of(title)))) for title in titles]
    most = max(said, default=0)
    best = [title for title, count in zip(titles, said, strict=True) if count == most]
    return [best[at] for at in np.linspace(0, len(best) - 1, min(EXAMPLES, len(best))).astype(int)]
