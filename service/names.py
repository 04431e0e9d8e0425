"""What the clusters of a label are called: found from their products, edited by hand, shown beside their numbers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.distinct import told_apart
from clustering.naming import Described
from clustering.naming import name_clusters as found_names
from clustering.rows import members_of
from clustering.standing_out import standing_out
from indexer.embedders.plays import Plays
from indexer.featuring import kept_model
from indexer.store import FIELDS, Condition, ProductStore

from . import marking
from .progress import Bar
from .vectors import label_column, made_of_plays, take_vectors

IntArray = NDArray[np.int64]

_LONGEST = 120  # characters of a name
_PLAYED = 3  # things played that make a name
CELLS = "identity_cell"  # cuts of the vectors, which nobody asks for by name


def names_of(store: ProductStore, label: str, numbers: Iterable[int]) -> dict[int, str]:
    """Read the names of some clusters of a label; those without one are left out."""
    return store.records.names(label).read(numbers)


def name_clusters(store: ProductStore, label: str) -> int:
    """Name every cluster of a label from its products' titles and categories, else from their own fields.

    Clusters made on features are named from the fields first: titles do not say why those products are together. Those
    of listeners without names of their own are named by what they play more than others, where no field tells. Names a
    person gave stay.

    Args:
        store: Filled and clustered.
        label: Whose clusters; those of a taxonomy's level are told apart from the other children of their parent.

    Returns:
        How many clusters have a name now.

    Raises:
        LookupError: If there is no such label.
    """
    store.check_label(label)
    return _find(store, label, store.records.settings().labels[label], _read(store, [label]))


def publish(store: ProductStore, labels: Collection[str], run_id: str, bar: Bar) -> None:
    """Name the clusters of labels that are written whole, then let readers see them; names a person gave stay.

    Args:
        store: Where they are.
        labels: Begun by `marking.begin`.
        run_id: Of the run that wrote them.
        bar: Draws how far a step is.
    """
    asked_for = [label for label in labels if label != CELLS]
    if asked_for:
        with bar("reading for the names", None):
            products = _read(store, asked_for)
        for label in asked_for:
            with bar(f"naming {label}", None):
                _find(store, label, run_id, products)
    marking.finish(store, labels, run_id)


@dataclass(frozen=True, slots=True, eq=False)
class _Products:
    """What names are found from.

    Args:
        described: n products.
        titled: bool (n,), whether a product has a title that is more than its id.
        fields: Their own columns, n of them.
        labels: Label, or the level above one -> int64 (n,).
    """

    described: Described
    titled: NDArray[np.bool_]
    fields: Sequence[Mapping[str, Any] | None]
    labels: Mapping[str, IntArray]


def _read(store: ProductStore, labels: Sequence[str]) -> _Products:
    """Read all products once, for all of these labels."""
    from .taxonomy import parent_label

    keys = sorted({*labels, *filter(None, map(parent_label, labels))})
    taken = store.take(("title", "categories", "brand", FIELDS, *keys))
    columns = taken.columns
    described = Described(
        [title or "" for title in columns["title"]],
        [tuple(names or ()) for names in columns["categories"]],
        [brand or "" for brand in columns["brand"]],
    )
    named = zip(described.titles, taken.ids, strict=True)
    titled = np.array([title not in ("", product_id) for title, product_id in named], dtype=np.bool_)
    return _Products(described, titled, columns[FIELDS], {key: label_column(columns[key]) for key in keys})


def _find(store: ProductStore, label: str, run_id: str, products: _Products) -> int:
    """Do what `name_clusters` says, for labels that readers do not see yet, too."""
    from .refitting import origin_of
    from .taxonomy import parent_label

    runs = {run.run_id: run for run in store.records.runs()}
    on_features = origin_of(label, run_id, runs).on == "features"
    parent = parent_label(label)
    labels = products.labels[label]
    parents = products.labels[parent] if parent else np.zeros_like(labels)
    names = found_names(products.described, labels, parents)
    if on_features and made_of_plays(store):
        names |= _by_plays(store, label, np.setdiff1d(labels[labels >= 0], labels[products.titled]))
    by_fields = np.setdiff1d(labels[labels >= 0], [] if on_features else list(names))
    if len(by_fields):
        names |= standing_out(products.fields, labels, by_fields.tolist())
    siblings = dict(zip(labels.tolist(), parents.tolist(), strict=True))
    kept = store.records.names(label)
    given = {number: name for number, name in kept.edited().items() if number in siblings}
    told = told_apart({**given, **{n: name for n, name in names.items() if n not in given}}, siblings, longest=_LONGEST)
    kept.save({number: names[number] if number in given else told[number] for number in names})
    return len(names)


def _by_plays(store: ProductStore, label: str, clusters: IntArray) -> dict[int, str]:
    """Name clusters by what is played there more than elsewhere; none where nothing is, as in a cluster of all."""
    plays = kept_model(store)
    if not len(clusters) or not isinstance(plays, Plays):
        return {}
    taken = take_vectors(store, "features", keys=(label,))
    numbers, rows, sizes = np.unique(label_column(taken.columns[label]), return_inverse=True, return_counts=True)
    means = members_of(rows, len(numbers)) @ taken.vectors / sizes[:, None]
    asked = np.flatnonzero(np.isin(numbers, clusters) & (sizes < len(rows)))
    told = plays.telling(means[asked] - taken.vectors.mean(axis=0), _PLAYED)
    return {int(number): ", ".join(values) for number, values in zip(numbers[asked], told, strict=True) if values}


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
