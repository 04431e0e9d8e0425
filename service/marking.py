"""Which labels readers may see: those written whole, under the run that wrote them; and what goes when a label does."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.store import LABELS, UNLABELLED, ProductStore, Run

from .vectors import label_column


@contextmanager
def recorded(store: ProductStore, run: Run, *, since: float) -> Iterator[dict[str, Any]]:
    """Keep a run on record while the block works, and how it ended: `failed` where it broke off.

    Args:
        store: Where.
        run: It begins now.
        since: When the work began, by `time.monotonic`.

    Yields:
        The run's results, to be filled.
    """
    store.records.save_run(run)
    results: dict[str, Any] = {}
    state: Literal["done", "failed"] = "failed"
    try:
        yield results
        state = "done"
    finally:
        store.records.save_run(replace(run, state=state, seconds=time.monotonic() - since, results=results))


def begin(store: ProductStore, labels: Collection[str]) -> None:
    """Hide labels while they are written; a run cut short leaves them hidden. The models of what they were go."""
    settings = store.records.settings()
    hidden = {*labels, *settings.unfinished}
    unfinished = (*(name for name in LABELS if name in hidden), *sorted(hidden - set(LABELS)))
    store.records.save_settings(replace(settings, unfinished=unfinished))
    for label in labels:
        store.records.delete_file(model_file(label))


def finish(store: ProductStore, labels: Collection[str], run_id: str) -> None:
    """Let readers see labels that are written whole."""
    settings = store.records.settings()
    unfinished = tuple(name for name in settings.unfinished if name not in labels)
    whole = {**settings.labels, **dict.fromkeys(labels, run_id)}
    store.records.save_settings(replace(settings, labels=whole, unfinished=unfinished))


def forget(store: ProductStore, label: str) -> None:
    """Take a label away, with its model, its names and what products hold of it; one never written is no error."""
    if label not in (*store.label_names(), *store.unfinished_labels()):
        return
    begin(store, [label])
    store.records.names(label).delete()
    taken = store.take((label,))
    stored = label_column(taken.columns[label])
    ids = [taken.ids[row] for row in np.flatnonzero(stored != UNLABELLED)]
    none = np.full(len(ids), UNLABELLED, dtype=np.int64)
    memberships = no_memberships(store, [label], len(ids))
    store.set_labels(ids, {label: none}, {label: stored[stored != UNLABELLED]}, memberships=memberships)
    settings = store.records.settings()
    left = {name: run_id for name, run_id in settings.labels.items() if name != label}
    unfinished = tuple(name for name in settings.unfinished if name != label)
    store.records.save_settings(replace(settings, labels=left, unfinished=unfinished))


def no_memberships(store: ProductStore, labels: Collection[str], n: int) -> dict[str, NDArray[np.float32]]:
    """Give what takes memberships of n products away: label -> float32 (n,), all NaN; no label that has none."""
    written = {*store.label_names(), *store.unfinished_labels()}
    has = [label for label in labels if label in written and store.has_memberships(label)]
    return {label: np.full(n, np.nan, dtype=np.float32) for label in has}


def model_file(label: str) -> str:
    """Name the file a label's model is kept as."""
    return f"model {label}"
