"""The taxonomy of a catalogue: the labels taxonomy_1 (the coarsest) to taxonomy_n, nested by construction."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clustering.models import to_bytes
from clustering.neighbours import NeighbourVote
from clustering.taxonomy import last_numbers
from indexer.store import UNLABELLED, ProductStore, new_run

from . import marking
from .kinds import Say
from .methods import model_file
from .names import name_clusters
from .nesting import Nested, nested_levels, steps
from .progress import Bar, no_bar
from .vectors import Taken, made_by, take_vectors

METHOD = "taxonomy"
_LABEL = re.compile(r"taxonomy_([1-9]\d*)")

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Branch:
    """One cluster of one level.

    Args:
        level: Its level, 1 for the coarsest.
        number: Of the cluster.
    """

    level: int
    number: int


@dataclass(frozen=True, slots=True)
class TaxonomyOptions:
    """How a taxonomy is made.

    Args:
        seed: The same seed and products give the same levels.
        fewest: Levels wanted at least.
        most: Levels wanted at most.
        on: Which vectors it works on, one of `vectors.ON`.
        weights: Kind of vector -> its share, on `fused`; None for those chosen by `tune-fusion`, or alike.
        within: Cluster anew only below this branch; None for the whole catalogue.
    """

    seed: int
    fewest: int = 2
    most: int = 5
    on: str = "text"
    weights: Mapping[str, float] | None = None
    within: Branch | None = None


def level_label(level: int) -> str:
    """Name the label of a level."""
    return f"{METHOD}_{level}"


def level_labels(store: ProductStore) -> list[str]:
    """Name the labels of the levels there are, the coarsest first."""
    there = store.readable_labels()
    return [label for level in range(1, len(there) + 1) if (label := level_label(level)) in there]


def parent_label(label: str) -> str | None:
    """Name the label of the level above; None for the first level, and for labels that are no level."""
    found = _LABEL.fullmatch(label)
    return level_label(int(found[1]) - 1) if found and int(found[1]) > 1 else None


def make_taxonomy(
    store: ProductStore, options: TaxonomyOptions, *, say: Say = lambda text: None, bar: Bar = no_bar
) -> dict[str, dict[str, Any]]:
    """Cluster all products that have the vectors asked for on several levels, and write labels, models, names and run.

    Clusters that live on keep their numbers. Below a branch, as many levels as there are already are made anew for its
    products alone; where these have fewer scales, the last ones repeat the level above them.

    Args:
        store: Filled by `index`.
        options: How.
        say: Called with a line about what is done.
        bar: Draws how far a step is.

    Returns:
        Label -> figures about what was found.

    Raises:
        LookupError: If the store holds no products, none with such a vector, or no such branch.
        ValueError: If all products are alike, or they have too few scales.
    """
    started = time.monotonic()
    labels = _labels_below(store, options.within) if options.within else []
    known = [level_label(level) for level in range(1, 1 + max(options.most, len(level_labels(store))))]
    with bar("reading the store", None):
        taken = take_vectors(store, options.on, keys=known, weights=options.weights)
    rows = _rows_of(taken, options.within)
    say(f"taxonomy: {len(rows):,} products by their {options.on}")
    found = _found(taken.vectors[rows], options, len(labels), bar)
    labels = labels or [level_label(level + 1) for level in range(len(found.levels))]
    before = _before(store, taken, labels)
    levels = _numbered(found.levels, before, rows)
    run = new_run("cluster", {"kinds": labels, "method": METHOD, **asdict(options)})
    store.records.save_run(run)
    results: dict[str, dict[str, Any]] = {}
    try:
        _write(store, taken, labels, levels, run.run_id, bar)
        if options.within is None:
            _forget_deeper(store, len(labels))
        _keep_models(store, taken, labels, levels, options, run.run_id)
        results = {label: _figures(levels[at], found, at) for at, label in enumerate(labels)}
        with bar("naming clusters", None):
            for label in labels:
                name_clusters(store, label)
        store.build_index()
    finally:
        state: Literal["done", "failed"] = "done" if results else "failed"
        store.records.save_run(replace(run, state=state, seconds=time.monotonic() - started, results=results))
    return results


def _labels_below(store: ProductStore, branch: Branch) -> list[str]:
    """Name the levels below a branch."""
    there = level_labels(store)
    if not there:
        raise LookupError("there is no taxonomy to cluster a branch of anew: run `assort taxonomy` first")
    if branch.level >= len(there):
        raise LookupError(
            f"there is no level below {level_label(branch.level)}: --within names a cluster of "
            f"{', '.join(there[:-1]) or 'no level, the taxonomy has one only'}"
        )
    return there[branch.level :]


def _rows_of(taken: Taken, branch: Branch | None) -> IntArray:
    """Find the rows to be clustered."""
    if branch is None:
        return np.arange(len(taken.ids))
    label = level_label(branch.level)
    rows = np.flatnonzero(_column(taken, label) == branch.number)
    if not len(rows):
        raise LookupError(f"label '{label}' has no cluster {branch.number}: `assort labels {label}` lists them")
    return rows


def _found(vectors: NDArray[np.float32], options: TaxonomyOptions, below: int, bar: Bar) -> Nested:
    """Find the levels; below a branch so many, the last repeated where there are no more."""
    fewest, most = (1, below) if options.within else (options.fewest, options.most)
    with bar("trying scales", steps()) as done:
        found = nested_levels(vectors, fewest=fewest, most=most, seed=options.seed, progress=done)
    if not options.within:
        return found
    at = np.minimum(np.arange(below), len(found.levels) - 1)
    return replace(found, levels=found.levels[at], chosen=tuple(found.chosen[level] for level in at))


def _column(taken: Taken, label: str) -> IntArray:
    return np.array([UNLABELLED if value is None else value for value in taken.columns[label]], dtype=np.int64)


def _before(store: ProductStore, taken: Taken, labels: Sequence[str]) -> IntArray:
    """Read the numbers as stored: int64 (levels, n); none where only a run cut short has written them."""
    written = store.records.settings().labels
    nothing = np.full(len(taken.ids), UNLABELLED, dtype=np.int64)
    return np.stack([_column(taken, label) if label in written else nothing for label in labels])


def _numbered(levels: IntArray, before: IntArray, rows: IntArray) -> IntArray:
    """Number the clusters of some rows so that they last and meet no number of other rows: int64 (levels, n)."""
    numbers = before.copy()
    numbers[:, rows] = last_numbers(levels, before[:, rows], taken=before.max(axis=1).tolist())
    return numbers


def _write(store: ProductStore, taken: Taken, labels: Sequence[str], levels: IntArray, run_id: str, bar: Bar) -> None:
    """Write labels between two marks; products without the vector lose theirs."""
    ids = taken.ids + taken.left_out
    stored = store.take(labels)
    place = {product_id: row for row, product_id in enumerate(stored.ids)}
    previous, wanted = {}, {}
    for label, numbers in zip(labels, levels, strict=True):
        column = stored.columns[label]
        values = [column[place[product_id]] for product_id in ids]
        previous[label] = np.array([UNLABELLED if value is None else value for value in values], dtype=np.int64)
        wanted[label] = np.concatenate([numbers, np.full(len(taken.left_out), UNLABELLED, dtype=np.int64)])
    marking.begin(store, labels)
    with bar("writing labels", len(ids)) as done:
        store.set_labels(ids, wanted, previous, done)
    marking.finish(store, labels, run_id)


def _forget_deeper(store: ProductStore, levels: int) -> None:
    """Stop showing levels of an earlier, deeper taxonomy."""
    for label in store.label_names():
        found = _LABEL.fullmatch(label)
        if found and int(found[1]) > levels:
            marking.forget(store, label)


def _keep_models(
    store: ProductStore, taken: Taken, labels: Sequence[str], levels: IntArray, options: TaxonomyOptions, run_id: str
) -> None:
    """Keep what puts new products into the clusters of each level."""
    about: dict[str, Any] = {"method": METHOD, "on": options.on, "weights": options.weights, "run": run_id}
    about["vectors"] = made_by(store, options.on)
    for label, numbers in zip(labels, levels, strict=True):
        has = np.flatnonzero(numbers >= 0)
        used, clusters = np.unique(numbers[has], return_inverse=True)
        model = NeighbourVote.of(taken.vectors[has], clusters.astype(np.int64), seed=options.seed)
        store.records.save_file(model_file(label), to_bytes(model, about | {"numbers": used.tolist()}))


def _figures(numbers: IntArray, found: Nested, level: int) -> dict[str, Any]:
    sizes = np.unique(numbers[numbers >= 0], return_counts=True)[1]
    scale = found.chosen[level]
    return {
        "clusters": len(sizes),
        "largest": int(sizes.max()),
        "singletons": int((sizes == 1).sum()),
        "resolution": scale.resolution,
        "stability": scale.stability,
    }
