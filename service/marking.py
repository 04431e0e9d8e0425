"""Which labels readers may see: those written whole, under the run that wrote them."""

from collections.abc import Collection
from dataclasses import replace

from indexer.store import LABELS, ProductStore


def begin(store: ProductStore, labels: Collection[str]) -> None:
    """Hide labels while they are written; a run cut short leaves them hidden."""
    settings = store.records.settings()
    hidden = {*labels, *settings.unfinished}
    unfinished = (*(name for name in LABELS if name in hidden), *sorted(hidden - set(LABELS)))
    store.records.save_settings(replace(settings, unfinished=unfinished))


def finish(store: ProductStore, labels: Collection[str], run_id: str) -> None:
    """Let readers see labels that are written whole."""
    settings = store.records.settings()
    unfinished = tuple(name for name in settings.unfinished if name not in labels)
    whole = {**settings.labels, **dict.fromkeys(labels, run_id)}
    store.records.save_settings(replace(settings, labels=whole, unfinished=unfinished))


def forget(store: ProductStore, label: str) -> None:
    """Stop showing a label; what is left of it in the payload no reader sees."""
    settings = store.records.settings()
    left = {name: run_id for name, run_id in settings.labels.items() if name != label}
    unfinished = tuple(name for name in settings.unfinished if name != label)
    store.records.save_settings(replace(settings, labels=left, unfinished=unfinished))
