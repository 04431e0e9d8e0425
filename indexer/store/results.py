"""What clustering runs found out about products, as payloads to set: written only where it changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .engine import Engine, Found, Payload
from .payload import COMPLEMENTS, COMPLEMENTS_HASH, UNLABELLED, complements_hash, membership_key, point_id
from .where import Condition

T = TypeVar("T")
PayloadFor = tuple[list[str], Payload]
"""Point ids and the keys to set on them."""

BATCH = 1000  # payloads, or products read beforehand


def set_labels(engine: Engine, changes: Iterable[PayloadFor], progress: Callable[[int], None]) -> int:
    """Write labels that changed, as `changed_labels` groups them, and say of how many products."""
    written = 0
    for some in batches(changes, BATCH):
        engine.set_payloads(some)
        done = sum(len(points) for points, _ in some)
        progress(done)
        written += done
    return written


def set_memberships(
    engine: Engine,
    ids: Sequence[str],
    labels: Mapping[str, NDArray[np.int64]],
    memberships: Mapping[str, NDArray[np.float32]],
    progress: Callable[[int], None],
) -> int:
    """Write labels and memberships where they differ from what is stored, and say of how many products.

    Most products have a payload of their own, so that comparing costs a fraction of writing.
    """
    keys = (*labels, *map(membership_key, memberships))
    written = 0
    for some in batches(with_memberships(ids, labels, memberships), BATCH):
        stored = {found.id: found.payload for found in engine.retrieve([i for i, _ in some], keys=keys)}
        changed = [
            ([i], wanted)
            for i, wanted in some
            if i in stored  # on a server another process may have deleted one
            and {key: stored[i].get(key) for key in keys} != wanted
        ]
        engine.set_payloads(changed)
        progress(len(some))
        written += len(changed)
    return written


def set_first_results(
    engine: Engine,
    ids: Sequence[str],
    labels: Mapping[str, NDArray[np.int64]],
    complements: Iterable[tuple[int, str]],
) -> None:
    """Write labels and complements of products that have neither: (row, text) pairs."""
    for some in batches(complements, BATCH):
        engine.set_payloads(first_results(ids, labels, some))


def set_complements(engine: Engine, complements: Iterable[tuple[str, str]]) -> None:
    """Write each product's ranked complements where they changed: (product id, text) pairs."""
    for some in batches(complements, BATCH):
        new = {point_id(product_id): text for product_id, text in some}
        engine.set_payloads(changed_complements(new, engine.retrieve(list(new), keys=(COMPLEMENTS_HASH,))))


def changed_labels(
    ids: Sequence[str], labels: Mapping[str, NDArray[np.int64]], previous: Mapping[str, NDArray[np.int64]]
) -> Iterator[tuple[list[str], Payload]]:
    """Group the products whose labels changed by the labels they get: (point ids, payload) for each group.

    Args:
        ids: n product ids.
        labels: Label name -> int64 (n,), UNLABELLED where a product is to have none.
        previous: The labels as stored, -1 or UNLABELLED where there is none; a name may be absent.
    """
    names = list(labels)
    nothing = np.full(len(ids), -1, dtype=np.int64)
    wanted = np.stack([labels[name] for name in names], axis=1)
    stored = np.stack([previous.get(name, nothing) for name in names], axis=1)
    changed = np.flatnonzero((wanted != stored).any(axis=1))
    if len(changed) == 0:
        return
    # Equals side by side: `np.unique(axis=0)` says the same in ten times the time, for it sorts whole rows.
    changed = changed[np.lexsort(wanted[changed].T[::-1])]
    differs = (np.diff(wanted[changed], axis=0) != 0).any(axis=1)
    starts = [0, *(np.flatnonzero(differs) + 1).tolist(), len(changed)]
    rows = changed.tolist()
    for values, start, end in zip(wanted[changed[starts[:-1]]].tolist(), starts, starts[1:], strict=False):
        label = [None if value == UNLABELLED else value for value in values]
        yield [point_id(ids[row]) for row in rows[start:end]], dict(zip(names, label, strict=True))


def with_memberships(
    ids: Sequence[str], labels: Mapping[str, NDArray[np.int64]], memberships: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[str, Payload]]:
    """Put labels and memberships of products together: point id and payload of each.

    Args:
        ids: n product ids.
        labels: Label name -> int64 (n,), UNLABELLED where a product is to have none.
        memberships: Label name -> float32 (n,), kept to three digits; NaN takes away what an earlier run wrote.
    """
    keys = (*labels, *map(membership_key, memberships))
    columns = [[None if label == UNLABELLED else label for label in column.tolist()] for column in labels.values()]
    columns += [[None if p != p else round(p, 3) for p in column.tolist()] for column in memberships.values()]
    for product_id, *values in zip(ids, *columns, strict=True):
        yield point_id(product_id), dict(zip(keys, values, strict=True))


def any_membership(label: str) -> Condition:
    """Ask for the products that have a membership of a label's clusters."""
    return Condition(membership_key(label), ">=", (0.0,))


def first_results(
    ids: Sequence[str], labels: Mapping[str, NDArray[np.int64]], complements: Sequence[tuple[int, str]]
) -> list[PayloadFor]:
    """Put labels and complements of products together, one payload a product.

    Args:
        ids: n product ids.
        labels: Label name -> int64 (n,).
        complements: Row number and ranked complements of each product.
    """
    rows = [row for row, _ in complements]
    columns = [labels[name][rows].tolist() for name in labels]
    return [
        ([point_id(ids[row])], dict(zip(labels, values, strict=True)) | _kept(text))
        for (row, text), *values in zip(complements, *columns, strict=True)
    ]


def changed_complements(complements: Mapping[str, str], stored: Iterable[Found]) -> list[PayloadFor]:
    """Pick the complements that changed, one payload a product.

    Args:
        complements: Point id -> ranked complements.
        stored: Their points, with the fingerprint of what was ranked before.
    """
    wanted = {found.id: (_kept(complements[found.id]), found.payload.get(COMPLEMENTS_HASH)) for found in stored}
    return [([i], payload) for i, (payload, before) in wanted.items() if payload[COMPLEMENTS_HASH] != before]


def _kept(complements: str) -> Payload:
    return {COMPLEMENTS: complements, COMPLEMENTS_HASH: complements_hash(complements)}


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut items into lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
