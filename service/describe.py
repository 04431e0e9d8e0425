"""What is in a store, and what made it."""

from collections.abc import Sequence
from typing import Any

from indexer.store import ProductStore, Run


def info(store: ProductStore) -> dict[str, Any]:
    """Describe a collection: products, vectors, model, labels, the runs that made them, and what was cut short.

    Raises:
        LookupError: If the collection does not exist.
    """
    if not store.dims():
        raise LookupError(f"there is no collection '{store.name}': run `assort index CATALOGUE` first")
    settings, runs = store.records.settings(), store.records.runs()
    made_by = {run.run_id: run for run in runs}
    indexed = store.indexed()
    return {
        "collection": store.name,
        "products": store.count(),
        "vectors": store.dims(),
        "indexed_products": indexed,
        "text_model": settings.text_model,
        "text_fields": list(settings.text_fields),
        "image_model": settings.image_model,
        "feature_model": settings.feature_model,
        "own_fields": list(settings.field_names),
        "labels": {name: _origin(made_by.get(settings.labels[name])) for name in store.label_names()},
        "half_written": list(settings.unfinished),
        "cut_short": [_origin(run) for run in _cut_short(runs)],
        "runs": len(runs),
        "last_index": _origin(next((run for run in reversed(runs) if run.kind == "index"), None)),
    }


def _cut_short(runs: Sequence[Run]) -> list[Run]:
    """Find the runs that never ended and that no later run has made good."""
    ended: dict[str, str] = {}
    for run in runs:
        if run.state == "done":
            ended.update(dict.fromkeys(_parts(run), run.run_id))
    broken = (run for run in runs if run.state == "running" or (run.kind == "index" and run.state == "failed"))
    return [run for run in broken if any(run.run_id > ended.get(part, "") for part in _parts(run))]


def _parts(run: Run) -> list[str]:
    """Name what a run makes good: an index run its kind, a clustering run each kind of cluster it was asked for."""
    return list(run.parameters["kinds"]) if run.kind == "cluster" else [run.kind]


def _origin(run: Run | None) -> dict[str, Any]:
    """Say of a run what a person wants to know."""
    if run is None:
        return {}
    return {
        "run": run.run_id,
        "kind": run.kind,
        "state": run.state,
        "started": run.started,
        "seconds": None if run.seconds is None else round(run.seconds, 2),
        "version": run.version,
        "parameters": dict(run.parameters),
        "results": dict(run.results),
    }
