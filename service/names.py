"""What the clusters of a label are called: found from their products, edited by hand, shown beside their numbers."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clustering.naming import Described
from clustering.naming import name_clusters as found_names
from clustering.standing_out import standing_out
from indexer.store import FIELDS, Condition, ProductStore

_LONGEST = 120  # characters of a name


def names_of(store: ProductStore, label: str, numbers: Iterable[int]) -> dict[int, str]:
    """Read the names of some clusters of a label; those without one are left out."""
    return store.records.names(label).read(numbers)


def name_clusters(store: ProductStore, label: str) -> int:
    """Name every cluster of a label from its products' titles and categories, else from their own fields.

    Names a person gave stay.

    Args:
        store: Filled and clustered.
        label: Whose clusters; those of a taxonomy's level are told apart from the other children of their parent.

    Returns:
        How many clusters have a name now.

    Raises:
        LookupError: If there is no such label.
    """
    from .taxonomy import parent_label

    store.check_label(label)
    parent = parent_label(label)
    keys = ("title", "categories", "brand", FIELDS, label, *([parent] if parent else []))
    columns = store.take(keys).columns
    labels = _numbers(columns[label])
    titles = [title or "" for title in columns["title"]]
    products = Described(
        titles,
        [tuple(names or ()) for names in columns["categories"]],
        [brand or "" for brand in columns["brand"]],
    )
    names = found_names(products, labels, _numbers(columns[parent]) if parent else None)
    unnamed = np.setdiff1d(labels[labels >= 0], list(names))
    if len(unnamed):
        names |= standing_out(columns[FIELDS], labels, unnamed.tolist())
    store.records.names(label).save({number: name[:_LONGEST] for number, name in names.items()})
    return len(names)


def rename(store: ProductStore, label: str, number: int, name: str) -> None:
    """Give a cluster a name that later runs keep; an empty one gives back the name found for it.

    Raises:
        LookupError: If there is no such label or cluster.
        ValueError: If the name is too long or has line breaks.
    """
    store.check_label(label)
    if not store.count([Condition(label, "=", (number,))]):
        raise LookupError(f"label '{label}' has no cluster {number}: `assort labels {label}` lists them")
    name = name.strip()
    if len(name) > _LONGEST or not name.isprintable():
        raise ValueError(f"a name is one line of at most {_LONGEST} characters, got {len(name)}: {name[:40]!r} ...")
    store.records.names(label).edit(number, name)


def named_clusters(store: ProductStore, label: str, *, limit: int | None = 20) -> list[dict[str, Any]]:
    """List the clusters of a label with their names, largest first.

    Raises:
        LookupError: If there is no such label.
    """
    sizes = store.cluster_sizes(label)[:limit]
    names = names_of(store, label, [number for number, _ in sizes])
    edited = store.records.names(label).edited()
    return [
        {"cluster": number, "size": size, "name": names.get(number, ""), "edited": number in edited}
        for number, size in sizes
    ]


def _numbers(column: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([-1 if value is None else value for value in column], dtype=np.int64)
