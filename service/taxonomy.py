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
from indexer.store import UNLABELLED, ProductStore, Run, new_run

from . import marking
from .fusion import shares_of
from .kinds import Say
from .marking import model_file
from .names import publish
from .nesting import Nested, nested_levels, steps
from .progress import Bar, no_bar
from .refitting import origins
from .vectors import Taken, label_column, made_by, take_vectors, usual

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
        on: Which vectors it works on, one of `vectors.ON`; empty for the usual ones, and below a branch for what the
            taxonomy was made on.
        weights: Kind of vector -> its share, on `fused`; None for those chosen by `tune-fusion`, or alike, and below a
            branch for those of the taxonomy.
        within: Cluster anew only below this branch; None for the whole catalogue.
    """

    seed: int
    fewest: int = 2
    most: int = 5
    on: str = ""
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


def made_on(store: ProductStore) -> tuple[str, Mapping[str, float] | None]:
    """Say which vectors the taxonomy was made on, and their shares where they are fused.

    Raises:
        LookupError: If there is no taxonomy.
    """
    there = level_labels(store)
    if not there:
        raise LookupError("there is no taxonomy: run `assort taxonomy` first")
    origin = origins(store, (there[0],))[there[0]]
    return origin.on, origin.weights


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
        ValueError: If the products are too much alike, or asked for on other vectors than the rest of the taxonomy.
    """
    started = time.monotonic()
    labels = _labels_below(store, options.within) if options.within else []
    options = _settled(store, options)
    taken = _taken(store, options, bar)
    rows = _rows_of(taken, options.within)
    say(f"taxonomy: {len(rows):,} products by their {options.on}")
    found = _found(taken.vectors[rows], options, len(labels), bar)
    labels = labels or [level_label(level + 1) for level in range(len(found.levels))]
    run = new_run("cluster", {"kinds": labels, "method": METHOD, **asdict(options)})
    store.records.save_run(run)
    results: dict[str, dict[str, Any]] = {}
    try:
        results = _kept(store, taken, rows, found, labels, options, run, bar)
    finally:
        state: Literal["done", "failed"] = "done" if results else "failed"
        store.records.save_run(replace(run, state=state, seconds=time.monotonic() - started, results=results))
    return results


def _settled(store: ProductStore, options: TaxonomyOptions) -> TaxonomyOptions:
    """Settle which vectors it works on, and their shares, so that its models and its record name them."""
    on, weights = options.on or usual(store), options.weights
    if options.within is not None:
        on, weights = made_on(store)
        if options.on not in ("", on) or options.weights not in (None, weights):
            shares = "".join(f" {kind}={share:g}" for kind, share in (weights or {}).items())
            raise ValueError(
                f"the taxonomy was made on {on}{shares}, and so are its branches: leave --on and --weights away"
            )
    return replace(options, on=on, weights=shares_of(store, weights) if on == "fused" else None)


def _taken(store: ProductStore, options: TaxonomyOptions, bar: Bar) -> Taken:
    """Read the vectors, and the levels as stored."""
    levels = [level_label(level) for level in range(1, 1 + max(options.most, len(level_labels(store))))]
    if fields := sorted(set(levels).intersection(store.records.settings().field_names)):
        raise ValueError(f"'{fields[0]}' is a field of the products: index that column under another name")
    with bar("reading the store", None):
        return take_vectors(store, options.on, keys=levels, weights=options.weights)


def _kept(
    store: ProductStore,
    taken: Taken,
    rows: IntArray,
    found: Nested,
    labels: Sequence[str],
    options: TaxonomyOptions,
    run: Run,
    bar: Bar,
) -> dict[str, dict[str, Any]]:
    """Number the levels found for some rows, and write all that is kept of them; give their figures."""
    edited = [store.records.names(label).highest_edited() for label in labels]
    levels = _numbered(found.levels, _before(store, taken, labels), rows, edited)
    ids = [taken.ids[row] for row in rows]
    marking.begin(store, labels)
    _write(store, ids, _lacking(store, taken, options.within), labels, levels[:, rows], bar)
    _keep_models(store, taken, labels, levels, options, run.run_id)
    publish(store, labels, run.run_id, bar)
    if options.within is None:
        _forget_deeper(store, len(labels))
    store.build_index()
    return {label: _figures(levels[at], found, at) for at, label in enumerate(labels)}


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
    rows = np.flatnonzero(label_column(taken.columns[label]) == branch.number)
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


def _before(store: ProductStore, taken: Taken, labels: Sequence[str]) -> IntArray:
    """Read the numbers as stored: int64 (levels, n); none where only a run cut short has written them."""
    written = store.records.settings().labels
    nothing = np.full(len(taken.ids), UNLABELLED, dtype=np.int64)
    return np.stack([label_column(taken.columns[label]) if label in written else nothing for label in labels])


def _numbered(levels: IntArray, before: IntArray, rows: IntArray, edited: Sequence[int]) -> IntArray:
    """Number the clusters of some rows: int64 (levels, n).

    Those that live on keep their numbers; new ones get numbers above those of other rows and those a person named.
    """
    numbers = before.copy()
    taken = np.maximum(before.max(axis=1), edited).tolist()
    numbers[:, rows] = last_numbers(levels, before[:, rows], taken=taken)
    return numbers


def _lacking(store: ProductStore, taken: Taken, branch: Branch | None) -> list[str]:
    """Name the products that lose their numbers for want of the vector: all of them, or those of a branch."""
    if branch is None or not taken.left_out:
        return taken.left_out
    label, lacking = level_label(branch.level), set(taken.left_out)
    there = store.take((label,))
    numbers = zip(there.ids, there.columns[label], strict=True)
    return [product_id for product_id, number in numbers if number == branch.number and product_id in lacking]


def _write(
    store: ProductStore, ids: list[str], lacking: list[str], labels: Sequence[str], levels: IntArray, bar: Bar
) -> None:
    """Write the numbers of products, int64 (levels, n); those lacking the vector lose theirs."""
    stored = store.take(labels)
    place = {product_id: row for row, product_id in enumerate(stored.ids)}
    rows = [place[product_id] for product_id in ids + lacking]
    previous = {label: label_column(stored.columns[label])[rows] for label in labels}
    none = np.full(len(lacking), UNLABELLED, dtype=np.int64)
    wanted = {label: np.concatenate([numbers, none]) for label, numbers in zip(labels, levels, strict=True)}
    with bar("writing labels", len(rows)) as done:
        store.set_labels(ids + lacking, wanted, previous, done, marking.no_memberships(store, labels, len(rows)))


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
