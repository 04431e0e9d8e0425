"""Every grade of the labels in a store: by their rows and graphs, against a truth, and by whether they come back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.extrinsic import Confusion, agreement, confusion
from clustering.intrinsic import SAMPLE, Sizes, calinski_harabasz, davies_bouldin, silhouette, size_figures
from clustering.stability import Stability, rand_index, samples
from graph.communities import modularity
from graph.edges import Edges
from graph.quality import conductance, coverage
from indexer.store import UNLABELLED, ProductStore

from .names import names_of
from .progress import Bar, Done, no_bar
from .refitting import Origin, Refitter, origins
from .truth import LEAST, Truth, classes, truth_of
from .vectors import label_column, take_vectors

Rows = NDArray[np.int64]

MOST_PAIRED = 20_000
"""Clusters past which Davies-Bouldin is left out: it compares every pair of them."""

_OTHERS, _NOISE = "others", "noise"


@dataclass(slots=True)
class Grading:
    """The grades of one label.

    Args:
        label: Its name.
        method: How it was made; `built in` for the labels of `cluster all`, empty where no record tells.
        on: Kind of vector that its rows are compared by.
        products: Those that have the label, noise among them.
        unlabelled: Those that have not.
        sizes: How large its clusters are.
        intrinsic: Silhouette with its interval, Davies-Bouldin and Calinski-Harabasz, noise left out; None where the
            clusters have no such grade.
        graph: Modularity, coverage and conductance; empty where no graph was cut.
        truth: The grades against the truth, noise as clusters of one product each; empty where none was given.
        confusion: Classes by clusters, the largest of both, as rows, columns and counts; likewise.
        stability: Adjusted Rand index with the label under other seeds and from samples; empty unless asked for.
        notes: What was left out, and why.
    """

    label: str
    method: str
    on: str
    products: int
    unlabelled: int
    sizes: Sizes
    intrinsic: dict[str, float | None] = field(default_factory=dict)
    graph: dict[str, float | None] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)
    confusion: dict[str, Any] = field(default_factory=dict)
    stability: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give all grades as JSON-like values."""
        return asdict(self)


def evaluate(
    store: ProductStore,
    names: Sequence[str],
    *,
    seed: int,
    truth: str | None = None,
    sample: int = SAMPLE,
    rounds: int = 0,
    bar: Bar = no_bar,
) -> list[Grading]:
    """Grade labels by every measure there is.

    Args:
        store: Clustered.
        names: Labels; none for all of them.
        seed: Of the samples.
        truth: What to grade against, as `truth_of` reads it; None for nothing.
        sample: Rows scored for a silhouette.
        rounds: How often each label is made again under another seed, and how often from a sample.
        bar: Draws how far a step is.

    Raises:
        LookupError: If there is no such label, no such truth, or no label at all.
        ValueError: If the truth file cannot be read.
    """
    labels = tuple(dict.fromkeys(names)) or store.readable_labels()
    for label in labels:
        store.check_label(label)
    if not labels:
        raise LookupError("there are no labels to grade: run `assort cluster all` first")
    with bar("reading labels", None):
        taken = store.take(labels)
        known = None if truth is None else truth_of(store, taken.ids, truth, graded=labels)
    rows = {label: label_column(taken.columns[label]) for label in labels}
    made = origins(store, labels)
    graded = {label: _sized(made[label], rows[label]) for label in labels}
    for label, grading in graded.items():
        if known is not None:
            _against(store, grading, rows[label], known)
    for on in dict.fromkeys(map(_made_on, made.values())):
        same = [origin for origin in made.values() if _made_on(origin) == on]
        _by_rows(store, same[0], [graded[each.label] for each in same], rows, taken.ids, seed, sample, bar)
    for label, grading in graded.items():
        _made_again(
            store, made[label], grading, dict(zip(taken.ids, rows[label].tolist(), strict=True)), seed, rounds, bar
        )
    return list(graded.values())


def write_confusions(gradings: Sequence[Grading], folder: Path) -> list[Path]:
    """Draw the confusion matrix of each label into a folder, as confusion_LABEL.png.

    Args:
        gradings: Made with a truth.
        folder: Made when it is not there.

    Raises:
        ValueError: If one was made without a truth.
    """
    from .report.charts import confusion_chart, png

    written = []
    for grading in gradings:
        if not grading.truth:
            raise ValueError("a confusion matrix compares clusters with a truth: name a --truth")
        if not grading.confusion:
            continue  # its notes say why
        shown = grading.confusion
        title = f"{grading.label} against {grading.truth['name']}"
        figure = confusion_chart(np.array(shown["counts"]), shown["rows"], shown["columns"], title=title)
        folder.mkdir(parents=True, exist_ok=True)
        written.append(folder / f"confusion_{grading.label}.png")
        written[-1].write_bytes(png(figure))
    return written


def _sized(origin: Origin, labels: Rows) -> Grading:
    there = labels[labels != UNLABELLED]
    return Grading(origin.label, origin.method, origin.on, len(there), len(labels) - len(there), size_figures(there))


def _against(store: ProductStore, grading: Grading, labels: Rows, truth: Truth) -> None:
    """Grade a label against what is known of its products; the others are left out and counted."""
    known: NDArray[np.bool_] = np.array([value is not None for value in truth.values], dtype=np.bool_)
    rows = np.flatnonzero(known & np.asarray(labels != UNLABELLED))  # noise is -1, and graded
    left_out = int((~known).sum())
    grading.truth = {
        "name": truth.name, "products": len(rows), "without_truth": left_out, "strangers": truth.strangers
    }  # fmt: skip
    if len(rows) < LEAST:
        told = f"{len(rows) or 'none'} of the products with this label is known to '{truth.name}', grades need {LEAST}"
        grading.notes.append(told)
        return
    names, known_as = classes([str(truth.values[row]) for row in rows])
    grading.truth |= {"classes": len(names), **agreement(labels[rows], known_as)}
    found = confusion(labels[rows], known_as)
    called = names_of(store, grading.label, found.clusters.tolist())
    clusters = [f"{number} {called.get(number, '')}".strip() for number in found.clusters.tolist()]
    grading.confusion = _shown(found, [names[number] for number in found.classes], clusters)


def _shown(found: Confusion, classes: Sequence[str], clusters: Sequence[str]) -> dict[str, Any]:
    """Name rows and columns, without those of others and of noise where there are none."""
    rows, columns = [*classes, _OTHERS], [*clusters, _OTHERS, _NOISE]
    used = found.counts.sum(axis=0) > 0
    there = [i for i, name in enumerate(columns) if used[i] or name not in (_OTHERS, _NOISE)]
    most = len(rows) if found.counts[-1].sum() else len(rows) - 1
    return {
        "rows": rows[:most],
        "columns": [columns[i] for i in there],
        "counts": found.counts[:most, there].tolist(),
    }


def _made_on(origin: Origin) -> str:
    """Say which vectors a label was made on, their shares among it."""
    return f"{origin.on} {sorted((origin.weights or {}).items())}"


def _by_rows(
    store: ProductStore,
    origin: Origin,
    gradings: Sequence[Grading],
    rows: Mapping[str, Rows],
    ids: Sequence[str],
    seed: int,
    sample: int,
    bar: Bar,
) -> None:
    """Grade labels by the vectors that they, as the first of them, were made from, read once for all of them."""
    with bar(f"reading {origin.on}", None):
        taken = take_vectors(store, origin.on, weights=origin.weights)
    place = {product_id: row for row, product_id in enumerate(ids)}
    there = np.array([place[product_id] for product_id in taken.ids], dtype=np.int64)
    for grading in gradings:
        with bar(f"grading {grading.label}", None):
            _intrinsic(grading, taken.vectors, np.maximum(rows[grading.label][there], -1), seed, sample)


def _intrinsic(grading: Grading, vectors: NDArray[np.float32], labels: Rows, seed: int, sample: int) -> None:
    """Grade a label by its rows, noise and what has no label left out."""
    grading.intrinsic = dict.fromkeys(_INTRINSIC)
    try:
        found = silhouette(vectors, labels, seed=seed, sample=sample)
    except ValueError as error:  # one cluster, or nothing but singletons: a fact, no mistake of anyone's
        grading.notes.append(f"no silhouette, Davies-Bouldin or Calinski-Harabasz: {error}")
        return
    grading.intrinsic = dict(zip(_INTRINSIC, (found.value, found.low, found.high, found.sample), strict=False))
    grading.intrinsic["calinski_harabasz"] = calinski_harabasz(vectors, labels)
    grading.intrinsic["davies_bouldin"] = paired(vectors, labels)
    if grading.intrinsic["davies_bouldin"] is None:
        grading.notes.append(
            f"no Davies-Bouldin: it compares all pairs of {grading.sizes.clusters:,} clusters, at most {MOST_PAIRED:,}"
        )


def paired(vectors: NDArray[np.float32], labels: Rows) -> float | None:
    """Give the Davies-Bouldin index; None of so many clusters that comparing all pairs takes too long.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), -1 for noise; at least two clusters.
    """
    clusters = len(np.unique(labels[labels >= 0]))
    return davies_bouldin(vectors, labels) if clusters <= MOST_PAIRED else None


_INTRINSIC = (
    "silhouette", "silhouette_low", "silhouette_high", "silhouette_sample", "calinski_harabasz", "davies_bouldin",
)  # fmt: skip


def _made_again(
    store: ProductStore, origin: Origin, grading: Grading, labels: Mapping[str, int], seed: int, rounds: int, bar: Bar
) -> None:
    """Grade a label by its graph, where it was cut from one, and by whether it comes back, where that is asked."""
    again = rounds > 0 and origin.can_be_made_again
    if rounds > 0 and not again:
        why = f"'{origin.method}' makes several labels at once" if origin.method else "no record tells how it was made"
        grading.notes.append(f"no stability: {why}")
    if not (origin.has_graph or again):
        return
    with bar(f"reading for {origin.label}", None):
        refitter = Refitter(store, origin)
    mine = np.array([labels[product_id] for product_id in refitter.ids], dtype=np.int64)
    if origin.has_graph:
        with bar(f"graph of {origin.label}", None):
            grading.graph = _by_graph(refitter.graph(), mine)
    if again:
        with bar(f"{origin.label} again", 2 * rounds) as done:
            try:
                grading.stability = _stability(refitter, mine, seed, rounds, done)
            except ValueError as error:  # a sample has fewer products, for some settings too few
                grading.notes.append(f"no stability: {error}")


def _by_graph(edges: Edges, labels: Rows) -> dict[str, float | None]:
    """Grade a label by the graph among the products that are in a cluster."""
    inside = labels >= 0
    place = np.cumsum(inside) - 1
    kept = inside[edges.source] & inside[edges.target]
    within = Edges(place[edges.source[kept]], place[edges.target[kept]], edges.weight[kept])
    numbers = np.unique(labels[inside], return_inverse=True)[1].astype(np.int64)
    if not len(within):
        return dict.fromkeys(("modularity", "coverage", "conductance", "conductance_worst"))
    each = conductance(within, numbers)
    each = each[~np.isnan(each)]
    return {
        "edges": len(within),
        "modularity": modularity(within, numbers),
        "coverage": coverage(within, numbers),
        "conductance": float(each.mean()) if len(each) else None,
        "conductance_worst": float(each.max()) if len(each) else None,
    }


def _stability(refitter: Refitter, labels: Rows, seed: int, rounds: int, done: Done) -> dict[str, Any]:
    """Make a label again and compare; products without it are left out of the comparison.

    A sample is clustered under the run's own seed, so that nothing but its products differs.
    """
    there = np.asarray(labels != UNLABELLED)
    by_seed, by_sample = [], []
    for step in range(1, rounds + 1):
        by_seed.append(rand_index(refitter.labels(seed=refitter.seed + step)[there], labels[there]))
        done(1)
    for rows in samples(len(labels), seed=seed, rounds=rounds):
        found = refitter.labels(seed=refitter.seed, rows=rows)
        by_sample.append(rand_index(found[there[rows]], labels[rows][there[rows]]))
        done(1)
    return {"seeds": _range(Stability(tuple(by_seed))), "samples": _range(Stability(tuple(by_sample)))}


def _range(found: Stability) -> dict[str, Any]:
    return {"mean": found.mean, "low": found.low, "high": found.high, "values": list(found.values)}
