"""Clustering runs: rows out of the store, labels computed, labels back, the run on record."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from clustering.stable import keep_numbers
from graph.complements import ComplementRanker
from indexer.store import ProductStore, new_run

from . import marking
from .catalogue import LINK_NAMES, Catalogue, Rows, take_catalogue
from .complements import complement_payloads
from .fusion import shares_of
from .kinds import KINDS as KINDS
from .kinds import ClusterOptions as ClusterOptions
from .kinds import Kinds, Say
from .memory import Size, giving_back, must_map
from .names import publish
from .progress import Bar, no_bar
from .resolution import AUTO


def cluster(
    store: ProductStore,
    kinds: Sequence[str],
    options: ClusterOptions,
    *,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> dict[str, dict[str, Any]]:
    """Find clusters of all products, write them as labels, and record the run.

    Clusters that live on keep their numbers, and only labels that changed are written. Until all are written and their
    clusters named they count as unfinished, and a reader sees none of them; a run cut short is completed by the next.

    Args:
        store: Filled by `index`.
        kinds: Some of `KINDS`.
        options: What is asked for.
        say: Called with a line about each step.
        bar: Draws how far a step is.

    Returns:
        Kind -> figures about what was found.

    Raises:
        LookupError: If the store holds no products.
        ValueError: If a kind or an option is out of range, or `max_memory` is less than the run needs.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"a kind of cluster is one of {', '.join(KINDS)}, got '{kind}'")
    started = time.monotonic()
    bar, mapped = giving_back(bar), False
    if options.max_memory is not None:
        mapped = must_map(size_of(store, options.neighbours), kinds, options.max_memory)
    if mapped:
        say("the vectors lie in a temporary file, to stay below the limit")
    pictured = "image" in store.dims() or options.weights is not None or options.on == "fused"
    shares = shares_of(store, options.weights) if pictured else {"text": 1.0}
    run = new_run("cluster", {"kinds": list(kinds), **asdict(replace(options, weights=shares))})
    with bar("reading the store", store.count()) as done:
        catalogue = take_catalogue(store, done, mapped=mapped)
    _check(options, len(catalogue.ids))
    with marking.recorded(store, run, since=started) as results:
        found, written = _compute_and_write(store, catalogue, kinds, options, shares, say, bar)
        results.update(found)
        del catalogue  # naming and building the index take memory, too
        if options.names:
            publish(store, written, run.run_id, bar)
        else:
            marking.finish(store, written, run.run_id)
        with bar("building the vector index", None):
            store.build_index()
    return results


def size_of(store: ProductStore, neighbours: int) -> Size:
    """Say how large a stored catalogue is; its links are counted on the first page.

    Raises:
        LookupError: If the store holds no products.
    """
    page = next(iter(store.pages(LINK_NAMES)))
    links = sum(len(found.payload.get(name, ())) for found in page for name in LINK_NAMES) / len(page)
    dims = store.dims()
    return Size(store.count(), dims["text"], links, neighbours, dims.get("image", 0))


def _check(options: ClusterOptions, n: int) -> None:
    """Refuse what cannot be, before a run begins."""
    if options.k is not None and not 1 <= options.k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} products, got {options.k}")
    if options.neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, got {options.neighbours}")
    if not 0 < options.recall <= 1:
        raise ValueError(f"recall must be above 0 and at most 1, got {options.recall}")
    if options.leiden == "networkit" and find_spec("networkit") is None:
        raise ValueError("networkit is not installed: pip install networkit, or leave --leiden away")
    for name in ("similarity_resolution", "complementary_resolution"):
        asked = getattr(options, name)
        if asked != AUTO and not (isinstance(asked, float | int) and asked > 0):
            raise ValueError(f"{name} must be greater than 0, got {asked}")


def _compute_and_write(
    store: ProductStore,
    catalogue: Catalogue,
    kinds: Sequence[str],
    options: ClusterOptions,
    shares: Mapping[str, float],
    say: Say,
    bar: Bar,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Do what `cluster` says, apart from showing and recording it; give the figures, and the labels written."""
    clustering = Kinds(catalogue, options, shares, say, bar)
    labels: dict[str, Rows] = {}
    results: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        found, results[kind] = getattr(clustering, kind)()
        labels.update({name: _numbered(store, catalogue, name, rows) for name, rows in found.items()})
    if "skipped" in results.get("complementary", {}):
        marking.forget(store, "complementary")  # made from links that are gone
    if not labels:
        raise LookupError(f"nothing to cluster: {results[kinds[0]]['skipped']}")
    written = _write(store, catalogue, labels, clustering.ranker, bar)
    say(f"{written:,} of {len(catalogue.ids):,} products got new labels")
    return results, list(labels)


def _numbered(store: ProductStore, catalogue: Catalogue, label: str, rows: Rows) -> Rows:
    """Let clusters that live on keep their numbers; none does where only a run cut short has written the label."""
    stored = catalogue.labels[label]
    previous = stored if label in store.records.settings().labels else np.full_like(stored, -1)
    return keep_numbers(rows, previous, above=store.records.names(label).highest_edited())


def _write(
    store: ProductStore,
    catalogue: Catalogue,
    labels: Mapping[str, Rows],
    ranker: ComplementRanker | None,
    bar: Bar,
) -> int:
    """Write labels, hidden from readers until they have names; then complements.

    In a first run, where there is nothing to read yet, labels and complements are written together.
    """
    gone = marking.no_memberships(store, labels, len(catalogue.ids))  # another method's
    marking.begin(store, labels)
    ids, n = catalogue.ids, len(catalogue.ids)
    identity = labels.get("identity", catalogue.labels["identity"])
    if ranker is not None and not gone and not store.label_names():
        with bar("ranking complements", n) as done:
            store.set_first_results(ids, labels, complement_payloads(ranker, ids, identity, done))
        return n
    with bar("writing labels", n) as done:
        written = store.set_labels(ids, labels, catalogue.labels, done, gone)
    if ranker is not None:
        with bar("ranking complements", n) as done:
            ranked = complement_payloads(ranker, ids, identity, done)
            store.set_complements((ids[row], text) for row, text in ranked)
    return written
