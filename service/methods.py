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
from clustering.methods import parameters as parameters
from clustering.models import Model, to_bytes
from clustering.noise import to_nearest
from clustering.stable import keep_numbers
from indexer.store import RESERVED, UNLABELLED, ProductStore, membership_key, new_run

from . import marking
from .fusion import shares_of
from .kinds import Say
from .leiden import leiden_clustering
from .names import publish
from .progress import Bar, no_bar
from .refitting import origins
from .vectors import Taken, label_column, made_by, take_vectors, usual

Noise = Literal["keep", "nearest"]
NOISES: tuple[Noise, ...] = get_args(Noise)
METHODS: Mapping[str, Method] = {
    **VECTOR_METHODS,
    "leiden": Method("leiden", leiden_clustering, "communities of the graph of nearest neighbours", None),
}
"""Every method by its name on the command line."""
MUCH_NOISE = 1 / 3
"""Share of noise from which a run says what may be done about it."""

ALL = "all"
"""No label, but all three kinds of cluster."""

_ANSWERED = frozenset(("score", "why", "image_url", "cluster_names"))  # what answers say beside a product's labels


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
    store: ProductStore, label: str, options: MethodOptions, *, say: Say = lambda text: None, bar: Bar = no_bar
) -> dict[str, Any]:
    """Cluster all products that have the vectors asked for, and write the label, its names, its model and the run.

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
    options = _settled(store, options)
    if taken.left_out:
        say(f"{len(taken.left_out):,} products have no vector '{options.on}' and get no label '{label}'")
    what = "fused vectors" if options.on == "fused" else options.on
    say(f"{label}: {options.method} on the {what} of {len(taken.ids):,} products")
    found = fit(taken.vectors, options, bar=bar)
    for chosen in ("k_chosen", "resolution_chosen"):
        if chosen in found.figures:
            say(f"{label}: {found.figures[chosen]}")
    if (asked := options.settings.get("k")) is not None and found.k < asked:
        say(f"{asked:,} clusters were asked for, {found.k:,} found: {_why_fewer(taken.vectors, found.k)}")
    if "sampled" in found.figures:
        say(f"fitted on a sample of {found.figures['sampled']:,}; the others were put where they belong")
    if found.noise > MUCH_NOISE * len(taken.ids):
        say(
            f"{found.noise:,} of {len(taken.ids):,} products are noise: --noise nearest joins them to clusters, and "
            "umap+hdbscan leaves less"
        )
    run = new_run("cluster", {"kinds": [label], **asdict(options)})
    with marking.recorded(store, run, since=started) as results:
        results[label] = figures_of(found)
        numbers = _write(store, label, taken, found, bar)
        _keep_model(store, label, found, numbers, options, run.run_id)
        publish(store, [label], run.run_id, bar)
        with bar("building the vector index", None):
            store.build_index()
    return dict(results[label])


def _settled(store: ProductStore, options: MethodOptions) -> MethodOptions:
    """Settle the shares of fused vectors: others may be the store's own when the model is used."""
    return replace(options, weights=shares_of(store, options.weights)) if options.on == "fused" else options


def fit(vectors: NDArray[np.float32], options: MethodOptions, *, bar: Bar = no_bar) -> Clustering[Model]:
    """Run the method alone, without a store: float32 (n, dim) in.

    Raises:
        ValueError: If the method cannot do what is asked.
    """
    with bar(options.method, len(vectors)) as done:
        found = run_method(
            METHODS[options.method], vectors, seed=options.seed, settings=options.settings, progress=done
        )
    return to_nearest(found, vectors, seed=options.seed) if options.noise == "nearest" else found


def _why_fewer(vectors: NDArray[np.float32], found: int) -> str:
    """Say why there are fewer clusters than asked for: more than there are different rows there cannot be."""
    different = set()
    for row in vectors:
        different.add(row.tobytes())
        if len(different) > found:
            return "the others were left without a product"
    return "only so many rows differ"


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


def usual_vectors(store: ProductStore, label: str) -> str:
    """Say which vectors a label is made on where nobody says so: those it was made on before, else the usual ones."""
    if label in store.readable_labels() and (before := origins(store, (label,))[label].on):
        return before
    return usual(store)


def check_name(store: ProductStore, label: str) -> None:
    """Check that a label may have this name.

    Raises:
        ValueError: If it is of another form, a field of the products, a column of answers, or a level's name.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", label) or label.endswith("_p"):
        raise ValueError(
            f"a label's name is at most 64 letters, digits, - and _, begins with a letter and does not end in _p: "
            f"got '{label}'"
        )
    if re.fullmatch(r"taxonomy_\d+", label):
        raise ValueError(
            f"'{label}' is a level of the taxonomy, which `assort taxonomy` makes: call the label otherwise"
        )
    if label in _ANSWERED:
        raise ValueError(f"'{label}' is a column of answers: call the label otherwise, such as {label}_cluster")
    if label == ALL:
        raise ValueError(f"`assort cluster {ALL}` makes the three kinds of cluster: call the label otherwise")
    if (sure := membership_key(label)) in store.records.settings().field_names:
        raise ValueError(
            f"the products have a field '{sure}', where memberships of '{label}' go: call the label otherwise"
        )
    if label in (*RESERVED, *store.records.settings().field_names):
        raise ValueError(f"'{label}' is a field of the products: call the label otherwise, such as {label}_cluster")


def _write(store: ProductStore, label: str, taken: Taken, found: Clustering[Model], bar: Bar) -> list[int]:
    """Write labels and memberships, hidden from readers so far; give the number of each of the model's clusters."""
    n, ids = len(taken.ids), taken.ids + taken.left_out
    stored = store.take((label,))
    before = dict(zip(stored.ids, stored.columns[label], strict=True))
    previous = label_column(before[i] for i in ids)
    readable = label in store.records.settings().labels
    continued = previous[:n] if readable else np.full(n, -1, dtype=np.int64)
    rows = keep_numbers(found.labels, continued, above=store.records.names(label).highest_edited())
    numbers = np.zeros(found.k, dtype=np.int64)
    numbers[found.labels[found.labels >= 0]] = rows[found.labels >= 0]
    written = np.concatenate([rows, np.full(len(taken.left_out), UNLABELLED, dtype=np.int64)])
    memberships = marking.no_memberships(store, [label], len(ids))
    if found.memberships is not None:
        memberships[label] = np.pad(found.memberships, (0, len(taken.left_out)), constant_values=np.nan)
    marking.begin(store, [label])
    with bar("writing labels", len(ids)) as done:
        store.set_labels(ids, {label: written}, {label: previous}, done, memberships)
    return [int(number) for number in numbers]


def _keep_model(
    store: ProductStore,
    label: str,
    found: Clustering[Model],
    numbers: list[int],
    options: MethodOptions,
    run_id: str,
) -> None:
    """Keep the model that puts new products into a label's clusters."""
    made = {"method": options.method, "on": options.on, "weights": options.weights, "run": run_id}
    about: dict[str, Any] = {**made, "numbers": numbers, "vectors": made_by(store, options.on)}
    about["memberships"] = found.memberships is not None and options.noise == "keep"  # whether `predict` writes them
    store.records.save_file(marking.model_file(label), to_bytes(found.model, about))
