"""What the clusters of a label are called: found from their products, edited by hand, shown beside their numbers."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from clustering.distinct import told_apart
from clustering.naming import Described
from clustering.naming import name_clusters as found_names
from clustering.standing_out import standing_out
from indexer.store import FIELDS, Condition, ProductStore

from . import marking
from .progress import Bar
from .vectors import label_column

_LONGEST = 120  # characters of a name
CELLS = "identity_cell"  # cuts of the vectors, which nobody asks for by name


def names_of(store: ProductStore, label: str, numbers: Iterable[int]) -> dict[int, str]:
    """Read the names of some clusters of a label; those without one are left out."""
    return store.records.names(label).read(numbers)


def name_clusters(store: ProductStore, label: str) -> int:
    """Name every cluster of a label from its products' titles and categories, else from their own fields.

    Clusters made on features are named from the fields first: titles do not say why those products are together. Names
    a person gave stay.

    Args:
        store: Filled and clustered.
        label: Whose clusters; those of a taxonomy's level are told apart from the other children of their parent.

    Returns:
        How many clusters have a name now.

    Raises:
        LookupError: If there is no such label.
    """
    store.check_label(label)
    return _find(store, label, store.records.settings().labels[label])


def publish(store: ProductStore, labels: Collection[str], run_id: str, bar: Bar) -> None:
    """Name the clusters of labels that are written whole, then let readers see them; names a person gave stay.

    Args:
        store: Where they are.
        labels: Begun by `marking.begin`.
        run_id: Of the run that wrote them.
        bar: Draws how far a step is.
    """
    for label in labels:
        if label != CELLS:
            with bar(f"naming {label}", None):
                _find(store, label, run_id)
    marking.finish(store, labels, run_id)


def _find(store: ProductStore, label: str, run_id: str) -> int:
    """Do what `name_clusters` says, for labels that readers do not see yet, too."""
    from .refitting import origin_of
    from .taxonomy import parent_label

    runs = {run.run_id: run for run in store.records.runs()}
    on_features = origin_of(label, run_id, runs).on == "features"
    parent = parent_label(label)
    keys = ("title", "categories", "brand", FIELDS, label, *([parent] if parent else []))
    columns = store.take(keys).columns
    labels = label_column(columns[label])
    titles = [title or "" for title in columns["title"]]
    products = Described(
        titles,
        [tuple(names or ()) for names in columns["categories"]],
        [brand or "" for brand in columns["brand"]],
    )
    parents = label_column(columns[parent]) if parent else np.zeros_like(labels)
    names = found_names(products, labels, parents)
    by_fields = np.setdiff1d(labels[labels >= 0], [] if on_features else list(names))
    if len(by_fields):
        names |= standing_out(columns[FIELDS], labels, by_fields.tolist())
    siblings = dict(zip(labels.tolist(), parents.tolist(), strict=True))
    kept = store.records.names(label)
    given = {number: name for number, name in kept.edited().items() if number in siblings}
    told = told_apart({**given, **{n: name for n, name in names.items() if n not in given}}, siblings, longest=_LONGEST)
    kept.save({number: names[number] if number in given else told[number] for number in names})
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
