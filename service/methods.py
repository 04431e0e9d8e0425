"""A label made by any method: vectors out of the store, clusters, then labels, memberships and the model back."""

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from clustering.clustering import Clustering
from clustering.methods import METHODS as VECTOR_METHODS
from clustering.methods import Method, run_method
from clustering.models import Model, to_bytes
from clustering.noise import to_nearest
from clustering.stable import keep_numbers
from indexer.store import RESERVED, UNLABELLED, ProductStore, Run, membership_key, new_run

from . import marking
from .kinds import Say
from .leiden import leiden_clustering
from .progress import Bar, no_bar
from .vectors import Taken, made_by, take_vectors

Noise = Literal["keep", "nearest"]
NOISES: tuple[Noise, ...] = get_args(Noise)
METHODS: Mapping[str, Method] = {
    **VECTOR_METHODS,
    "leiden": Method("leiden", leiden_clustering, "communities of the graph of nearest neighbours", None),
}
"""Every method by its name on the command line."""


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """How a label is made.

    Args:
        method: One of `METHODS`.
        on: Which vectors it works on, one of `vectors.ON`.
        settings: The method's own parameters; the others keep their defaults.
        noise: Whether rows that belong nowhere stay so, or join the nearest cluster.
        weights: Kind of vector -> its share, on `fused`; None for those chosen by `tune-fusion`, or alike.
        seed: The same seed and products give the same labels.

    Raises:
        ValueError: If there is no such method.
    """

    method: str
    seed: int
    on: str = "text"
    settings: Mapping[str, Any] = field(default_factory=dict)
    noise: Noise = "keep"
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"a method is one of {', '.join(METHODS)}, got '{self.method}'")
        if self.noise not in NOISES:
            raise ValueError(f"noise is one of {', '.join(NOISES)}, got '{self.noise}'")


def cluster_by(
    store: ProductStore,
    label: str,
    options: MethodOptions,
    *,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> dict[str, Any]:
    """Cluster all products that have the vectors asked for, and write the label, its model and the run.

    Clusters that live on keep their numbers. Products without the vector have no such label afterwards.

    Args:
        store: Filled by `index`.
        label: Letters, digits, `-` and `_`, beginning with a letter; no field of the products.
        options: How.
        say: Called with a line about what is done.
        bar: Draws how far a step is.

    Returns:
        Figures about what was found.

    Raises:
        LookupError: If the store holds no products, or none with such a vector.
        ValueError: If the name is taken, or the method cannot do what is asked.
    """
    check_name(store, label)
    started = time.monotonic()
    with bar("reading the store", None):
        taken = take_vectors(store, options.on, weights=options.weights)
    if taken.left_out:
        say(f"{len(taken.left_out):,} products have no vector '{options.on}' and get no label '{label}'")
    say(f"{label}: {options.method} on the {options.on} of {len(taken.ids):,} products")
    found = fit(taken.vectors, options, bar=bar)
    if "sampled" in found.figures:
        say(f"fitted on a sample of {found.figures['sampled']:,}; the others were put where they belong")
    run = new_run("cluster", {"kinds": [label], **asdict(options)})
    store.records.save_run(run)
    results: dict[str, Any] = {}
    try:
        numbers = _write(store, label, taken, found, run, bar)
        made = {"method": options.method, "on": options.on, "weights": options.weights, "run": run.run_id}
        about = {**made, "numbers": numbers, "vectors": made_by(store, options.on)}
        store.records.save_file(model_file(label), to_bytes(found.model, about))
        with bar("building the vector index", None):
            store.build_index()
        results = {label: figures_of(found)}
    finally:
        state: Literal["done", "failed"] = "done" if results else "failed"
        store.records.save_run(replace(run, state=state, seconds=time.monotonic() - started, results=results))
    return dict(results[label])


def fit(vectors: NDArray[np.float32], options: MethodOptions, *, bar: Bar = no_bar) -> Clustering[Model]:
    """Run the method alone, without a store: float32 (n, dim) in.

    Raises:
        ValueError: If the method cannot do what is asked.
    """
    with bar(options.method, len(vectors)) as done:
        found = run_method(
            METHODS[options.method], vectors, seed=options.seed, settings=options.settings, progress=done
        )
    return to_nearest(found, vectors) if options.noise == "nearest" else found


def figures_of(found: Clustering[Model]) -> dict[str, Any]:
    """Say what was found, as JSON knows it."""
    sizes = found.sizes
    return {
        "clusters": found.k,
        "largest": int(sizes.max(initial=0)),
        "singletons": int((sizes == 1).sum()),
        "noise": found.noise,
        **found.figures,
    }


def check_name(store: ProductStore, label: str) -> None:
    """Check that a label may have this name.

    Raises:
        ValueError: If it is of another form, or a field of the products.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", label) or label.endswith("_p"):
        raise ValueError(
            f"a label's name is at most 64 letters, digits, - and _, begins with a letter and does not end in _p: "
            f"got '{label}'"
        )
    if label in (*RESERVED, *store.records.settings().field_names):
        raise ValueError(f"'{label}' is a field of the products: call the label otherwise, such as {label}_cluster")


def stored_labels(store: ProductStore, label: str) -> tuple[dict[str, int], bool]:
    """Read the label of each product that has one, and whether any has a membership."""
    key = membership_key(label)
    taken = store.take((label, key))
    values = zip(taken.ids, taken.columns[label], strict=True)
    return {i: value for i, value in values if value is not None}, any(p is not None for p in taken.columns[key])


def model_file(label: str) -> str:
    """Name the file a label's model is kept as."""
    return f"model {label}"


def _write(store: ProductStore, label: str, taken: Taken, found: Clustering[Model], run: Run, bar: Bar) -> list[int]:
    """Write labels and memberships between two marks; give the number of each of the model's clusters."""
    ids = taken.ids + taken.left_out
    before, had_memberships = stored_labels(store, label)
    readable = label in store.records.settings().labels
    previous = np.array([before.get(i, UNLABELLED) for i in ids], dtype=np.int64)
    continued = previous[: len(taken.ids)] if readable else np.full(len(taken.ids), -1, dtype=np.int64)
    rows = keep_numbers(found.labels, continued)
    numbers = np.zeros(found.k, dtype=np.int64)
    numbers[found.labels[found.labels >= 0]] = rows[found.labels >= 0]
    written = np.concatenate([rows, np.full(len(taken.left_out), UNLABELLED, dtype=np.int64)])
    memberships = None
    if found.memberships is not None or had_memberships:
        sure = np.full(len(ids), np.nan, dtype=np.float32)
        if found.memberships is not None:
            sure[: len(taken.ids)] = found.memberships
        memberships = {label: sure}
    marking.begin(store, [label])
    with bar("writing labels", len(ids)) as done:
        store.set_labels(ids, {label: written}, {label: previous}, done, memberships)
    marking.finish(store, [label], run.run_id)
    return [int(number) for number in numbers]
