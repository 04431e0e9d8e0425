"""Everything the page of one label shows, gathered: grades, a map, silhouettes, the largest clusters with examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.intrinsic import SAMPLE, silhouette_samples
from clustering.projection import project
from indexer.embedders.features import FeatureScaler
from indexer.featuring import kept_model
from indexer.store import UNLABELLED, ProductStore, membership_key

from .grading import Grading, evaluate
from .names import names_of
from .predicting import model_of
from .progress import Bar, no_bar
from .refitting import Origin, origins
from .vectors import Taken, label_column, take_vectors

Rows = NDArray[np.int64]
FloatArray = NDArray[np.float32]

LISTED = 40
"""Clusters that are named and shown with examples; up to so many are joined in a tree."""

_EXAMPLES = 3
_FEATURES = 24


@dataclass(frozen=True, slots=True)
class Shown:
    """One cluster in the list.

    Args:
        cluster: Its number.
        name: What it is called; empty where it has no name.
        size: Its products.
        silhouette: Mean of those of its products that were scored; None where none was.
        examples: Titles of its most central products.
    """

    cluster: int
    name: str
    size: int
    silhouette: float | None
    examples: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """How clusters differ in the columns of `features`.

    Args:
        clusters: a numbers of clusters.
        columns: b names.
        values: float64 (a, b), means in standard deviations from the mean of all.
    """

    clusters: Sequence[int]
    columns: Sequence[str]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelReport:
    """What was gathered of one label.

    Args:
        grading: Its grades.
        origin: How it came about.
        on: Kind of vector that map, silhouettes and examples are by.
        sizes: Cluster -> products.
        labels: int64 (m,), of the products on the map, -1 for noise.
        positions: float32 (m, 2).
        mapped_of: How many products have the vector and the label; the map shows m of them.
        scored: int64 (s,), clusters of the products that have a silhouette; empty where there are no two clusters.
        silhouettes: float64 (s,).
        listed: The largest clusters.
        memberships: float64 (p,), how surely products in clusters belong to theirs; empty where the method cannot say.
        kinship: float64 (k - 1, 4), which clusters are merged first; None where there are too many or too few.
        kin: k numbers of clusters, the leaves of it.
        kin_by: What they are merged by.
        means: How clusters differ by column; None but on `features`.
    """

    grading: Grading
    origin: Origin
    on: str
    sizes: Mapping[int, int]
    labels: Rows
    positions: FloatArray
    mapped_of: int
    scored: Rows
    silhouettes: NDArray[np.float64]
    listed: Sequence[Shown]
    memberships: NDArray[np.float64]
    kinship: NDArray[np.float64] | None
    kin: Sequence[int]
    kin_by: str
    means: Means | None

    @property
    def names(self) -> dict[int, str]:
        """Cluster -> its name, of those listed that have one."""
        return {shown.cluster: shown.name for shown in self.listed if shown.name}

    @property
    def results(self) -> Mapping[str, Any]:
        """What the run found, as figures: its losses, where it learned."""
        return {} if self.origin.run is None else self.origin.run.results.get(self.grading.label) or {}

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON knows it, without what only pictures show."""
        return {
            **self.grading.as_dict(),
            "settings": dict(self.origin.parameters.get("settings") or {}),
            "seed": self.origin.parameters.get("seed"),
            "shown_on": self.on,
            "clusters": [
                {"cluster": each.cluster, "name": each.name, "size": each.size, "silhouette": each.silhouette,
                 "examples": list(each.examples)}
                for each in self.listed
            ],
        }  # fmt: skip


def report(
    store: ProductStore,
    label: str,
    *,
    seed: int,
    truth: str | None = None,
    on: str | None = None,
    sample: int | None = None,
    bar: Bar = no_bar,
) -> LabelReport:
    """Gather what there is to say of a label.

    Args:
        store: Clustered.
        label: Its name.
        seed: Of the map and the samples.
        truth: What to grade against, as `truth_of` reads it; None for nothing.
        on: Kind of vector the map is drawn by; None for the one the label was made from.
        sample: Most products on the map; None for all.
        bar: Draws how far a step is.

    Raises:
        LookupError: If there is no such label, truth or vector.
        ValueError: If an option is out of range.
    """
    if sample is not None and sample < 1:
        raise ValueError(f"sample must be at least 1 product, got {sample}")
    store.check_label(label)
    origin = origins(store, (label,))[label]
    (grading,) = evaluate(store, [label], seed=seed, truth=truth, bar=bar)
    by = on or origin.on
    with bar(f"reading {by}", None):
        weights = origin.weights if by == origin.on else None
        taken = take_vectors(store, by, keys=(label, membership_key(label)), weights=weights)
    labels, taken, memberships = _labelled(taken, label)
    with bar("silhouettes", None):
        scored, silhouettes = _silhouettes(taken.vectors, labels, seed=seed)
    drawn = _drawn(len(labels), sample, seed=seed)
    with bar(f"map of {len(drawn):,} products", None):
        positions = project(taken.vectors[drawn], seed=seed)
    sizes = dict(store.cluster_sizes(label))
    centres = _Centres(taken.vectors, labels)
    kinship, kin, kin_by = _kinship(store, origin, sizes, centres)
    return LabelReport(
        grading, origin, by, sizes, labels[drawn], positions, len(labels), labels[scored], silhouettes,
        _listed(store, label, sizes, centres, taken.ids, labels[scored], silhouettes), memberships,
        kinship, kin, kin_by,
        _means(store, taken.vectors, centres, list(sizes)) if by == "features" else None,
    )  # fmt: skip


def _labelled(taken: Taken, label: str) -> tuple[Rows, Taken, NDArray[np.float64]]:
    """Keep the products that have the label: int64 (n,), the rest of them, and the memberships there are."""
    labels = label_column(taken.columns[label])
    sure = [
        value
        for value, cluster in zip(taken.columns[membership_key(label)], labels.tolist(), strict=True)
        if value is not None and cluster >= 0
    ]
    rows = np.flatnonzero(labels != UNLABELLED)
    if not len(rows):
        raise LookupError(f"no product with label '{label}' has such a vector: name another with --on")
    kept = taken if len(rows) == len(labels) else Taken([taken.ids[row] for row in rows], taken.vectors[rows], {}, [])
    return labels[rows], kept, np.array(sure, dtype=np.float64)


def _silhouettes(vectors: FloatArray, labels: Rows, *, seed: int) -> tuple[Rows, NDArray[np.float64]]:
    """Score products drawn at random: their rows, and the silhouette of each; none where there are no two clusters."""
    inside = np.flatnonzero(labels >= 0)
    clusters, counts = np.unique(labels[inside], return_counts=True)
    if len(clusters) < 2 or counts.max() < 2:
        return np.empty(0, np.int64), np.empty(0)
    rows = np.sort(np.random.default_rng(seed).permutation(inside)[:SAMPLE])
    return rows, silhouette_samples(vectors, labels, rows)


def _drawn(n: int, sample: int | None, *, seed: int) -> Rows:
    if sample is None or sample >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, sample, replace=False))


class _Centres:
    """Rows by cluster: the mean of each, and the rows nearest to it.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), -1 for noise.
    """

    def __init__(self, vectors: FloatArray, labels: Rows) -> None:
        self._vectors = vectors
        self._order = np.argsort(labels, kind="stable")
        numbers, starts = np.unique(labels[self._order], return_index=True)
        ends = np.append(starts[1:], len(labels))
        self._bounds = {
            number: (start, end)
            for number, start, end in zip(numbers.tolist(), starts.tolist(), ends.tolist(), strict=True)
            if number >= 0
        }

    @property
    def numbers(self) -> list[int]:
        """The clusters."""
        return list(self._bounds)

    def rows(self, cluster: int) -> Rows:
        """Give the rows of a cluster; none where it has none with such a vector."""
        start, end = self._bounds.get(cluster, (0, 0))
        return self._order[start:end]

    def of(self, clusters: Sequence[int]) -> NDArray[np.float64]:
        """Give the means of clusters, float64 (k, d)."""
        return np.stack([self._vectors[self.rows(cluster)].mean(axis=0, dtype=np.float64) for cluster in clusters])

    def central(self, cluster: int, most: int) -> list[int]:
        """Give the rows nearest to the mean of a cluster."""
        rows = self.rows(cluster)
        if not len(rows):
            return []
        members = self._vectors[rows]
        far = np.square(members - members.mean(axis=0)).sum(axis=1).round(6)
        return [int(row) for row in rows[np.argsort(far, kind="stable")[:most]]]


def _listed(
    store: ProductStore,
    label: str,
    sizes: Mapping[int, int],
    centres: _Centres,
    ids: Sequence[str],
    scored: Rows,
    silhouettes: NDArray[np.float64],
) -> list[Shown]:
    """Show the largest clusters with their names and most central products."""
    largest = sorted(sizes, key=lambda number: (-sizes[number], number))[:LISTED]
    examples = {number: [ids[row] for row in centres.central(number, _EXAMPLES)] for number in largest}
    hits = store.hits([product_id for some in examples.values() for product_id in some])
    titles = {product_id: hit.title or " > ".join(hit.categories) or product_id for product_id, hit in hits.items()}
    names = names_of(store, label, largest)
    return [
        Shown(
            number,
            names.get(number, ""),
            sizes[number],
            float(silhouettes[scored == number].mean()) if (scored == number).any() else None,
            [titles[product_id] for product_id in examples[number] if product_id in titles],
        )
        for number in largest
    ]


def _kinship(
    store: ProductStore, origin: Origin, sizes: Mapping[int, int], centres: _Centres
) -> tuple[NDArray[np.float64] | None, list[int], str]:
    """Say which clusters are merged first: float64 (k - 1, 4) or None, the clusters of its leaves, and by what.

    Where clusters were made by merging, as they were; else by average linkage of their centres.
    """
    from clustering.agglomerative import dendrogram

    if not 2 < len(sizes) <= LISTED or set(sizes) != set(centres.numbers):
        return None, [], ""
    made: Mapping[str, Any] = origin.run.results.get(origin.label, {}) if origin.run is not None else {}
    if "tree" in made:
        numbers: list[int] = model_of(store, origin.label)[1]["numbers"]
        if set(numbers) == set(sizes):
            return np.array(made["tree"]), numbers, f"{made['linkage']} linkage, as the clusters were made"
    kin = sorted(sizes)
    return dendrogram(centres.of(kin).astype(np.float32), "average"), kin, "average linkage of the clusters' centres"


def _means(store: ProductStore, vectors: FloatArray, centres: _Centres, largest: Sequence[int]) -> Means | None:
    """Say how the largest clusters differ in the columns that tell them apart most."""
    scaler = kept_model(store)
    if not isinstance(scaler, FeatureScaler) or len(scaler.columns) != vectors.shape[1]:
        return None  # of plays, whose columns are people
    shown = [number for number in largest if len(centres.rows(number))][:LISTED]
    spread = vectors.std(axis=0, dtype=np.float64)
    values = (centres.of(shown) - vectors.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1)
    telling = np.sort(np.argsort(-values.std(axis=0), kind="stable")[:_FEATURES])
    return Means(shown, [scaler.columns[column] for column in telling], values[:, telling])
