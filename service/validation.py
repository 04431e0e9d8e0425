"""What a careful analyst checks in a store before trusting it: is all there, and does all of it make sense?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clustering.outliers import DEVIATIONS, far_members
from indexer.store import UNLABELLED, ProductStore, Run

from .describe import info
from .inspection import NO_NUMBER, Inspected, InspectedVectors, inspect, inspect_vectors
from .names import names_of
from .progress import Done
from .refitting import Origin, origins
from .truth import classes

Verdict = Literal["ok", "look", "broken"]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

EXAMPLES = 5
"""Products named for each finding."""

SAME = "identity"
"""The label whose clusters are offers of one product each."""

CELLS = "identity_cell"
"""A label that is only a step on the way to another one: how its clusters look is nobody's concern."""

MOST_OFFERS = 50
"""Offers of one product past which a cluster of `identity` is a giant."""

GIANT_SHARE, GIANT_TIMES = 0.10, 5
"""Of any other label: a giant has more than this share of the products, and is so many times the mean cluster."""

NEARLY_ALL = 0.90
"""Of any other label: a cluster of more than this share of the products that have the label, but not of all, is a giant
in any case; of 5 clusters or fewer none can be 5 times the mean."""

MOST_SINGLETONS, MOST_SINGLE_OFFERS = 0.20, 0.95
"""Share of the products alone in their cluster that calls for a look; of `identity`, where most products may be."""

MOST_FAR = 0.05
"""Share of the products far from the centre of their cluster that calls for a look."""

MOST_ALIKE = 45
"""Products with one title past which it names no product: those are kept apart on purpose (`identity.COPIES`)."""


_NONE = "none may be"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found.

    Args:
        name: What was looked for.
        found: How often it was there.
        of: Among how many.
        verdict: `broken` is wrong whatever the catalogue; `look` is for a person to judge.
        examples: Some of them: product ids, clusters, labels or runs.
        rule: What is ok.
    """

    name: str
    found: int
    of: int
    verdict: Verdict
    examples: tuple[str, ...] = ()
    rule: str = ""

    @property
    def broken(self) -> bool:
        """Whether something is wrong whatever the catalogue."""
        return self.verdict == "broken"

    @property
    def share(self) -> float:
        """How large a part it is, 0 to 1."""
        return self.found / self.of if self.of else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Give the check as JSON-like values."""
        return {
            "check": self.name,
            "verdict": self.verdict,
            "found": self.found,
            "of": self.of,
            "share": round(self.share, 6),
            "examples": list(self.examples),
            "rule": self.rule,
        }


def passes(store: ProductStore) -> int:
    """Say how often `validate` reads all products."""
    return 1 + len(store.dims())


def validate(store: ProductStore, *, progress: Done = lambda done: None) -> list[Check]:
    """Check a store: its points, vectors, labels, pictures and the record of its runs.

    Reads all payloads, and every kind of vector once; vectors above 500 MB wait in a temporary file.

    Args:
        store: Filled by `index`.
        progress: Called with the number of points read, `passes` times all of them.

    Raises:
        LookupError: If the store holds no products.
    """
    made = origins(store, store.readable_labels())
    seen = inspect(store, tuple(made), progress)
    checks = [*_points(seen), *_runs(store, len(seen.ids))]
    runs = store.records.runs()
    for label, origin in made.items():
        checks += _sizes(store, label, seen)
        checks += _record(origin, seen.labels[label])
    if SAME in made and made[SAME].built_in:
        checks.append(_split_titles(seen))
    for name in store.dims():
        found = inspect_vectors(store, name, progress)
        checks += _vectors(name, found, seen)
        for origin in made.values():
            if name == ("text" if origin.on == "fused" else origin.on):
                checks += _members(origin, runs, found, seen)
    return checks


def _check(
    name: str, flags: Flags, ids: Sequence[str], verdict: Verdict, rule: str, *, of: int | None = None, least: float = 0
) -> Check:
    """Sum a check up: more than a share of `least` gets the verdict."""
    rows = np.flatnonzero(flags)
    total = len(flags) if of is None else of
    given: Verdict = verdict if len(rows) > least * total else "ok"
    return Check(name, len(rows), total, given, tuple(ids[row] for row in rows[:EXAMPLES]), rule)


def _points(seen: Inspected) -> list[Check]:
    """Check that every point is one product, and every product one point."""
    again = np.ones(len(seen.ids), dtype=np.bool_)
    again[np.unique(classes(seen.ids)[1], return_index=True)[1]] = False
    return [
        _check("product ids that are there twice", again, seen.ids, "broken", _NONE),
        _check("points under another product's number", seen.astray, seen.ids, "broken", _NONE),
    ]


def _runs(store: ProductStore, products: int) -> list[Check]:
    """Check that no label is half written, no run cut short, and no product gone since the catalogue was read."""
    unfinished, written = store.unfinished_labels(), store.label_names()
    cut = [str(run["run"]) for run in info(store)["cut_short"]]
    runs = store.records.runs()
    indexed = [run.results for run in runs if run.kind == "index" and run.state == "done"]
    last = _seen(indexed[-1]) if indexed else 0
    gone = max(0, last - products)
    labels = len({*written, *unfinished})
    return [
        Check("labels half written", len(unfinished), labels, "broken" if unfinished else "ok", unfinished, _NONE),
        Check("runs cut short", len(cut), len(runs), "look" if cut else "ok", tuple(cut[:EXAMPLES]), _NONE),
        Check("products gone since the last index run", gone, last, "look" if gone else "ok", (), _NONE),
    ]


def _seen(results: Mapping[str, Any]) -> int:
    """Say how many products an index run had at least: one that is there twice may have been written twice."""
    written = sum(int(results.get(name, 0)) for name in ("embedded", "updated", "unchanged"))
    return max(0, written - int(results.get("duplicates", 0)))


def _sizes(store: ProductStore, label: str, seen: Inspected) -> list[Check]:
    """Check the numbers of a label, and how large its clusters are."""
    labels = seen.labels[label]
    wrong = _check(f"{label}: no cluster's number", labels == NO_NUMBER, seen.ids, "broken", _NONE)
    if label == CELLS:
        return [wrong]
    numbers, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    alone = (labels >= 0) & (counts[place] == 1)
    most = MOST_SINGLE_OFFERS if label == SAME else MOST_SINGLETONS
    return [
        wrong,
        _check(f"{label}: alone in their cluster", alone, seen.ids, "look", f"at most {most:.0%}", least=most),
        _giants(store, label, numbers[numbers >= 0], counts[numbers >= 0], labels),
    ]


def _giants(store: ProductStore, label: str, numbers: Numbers, sizes: Numbers, labels: Numbers) -> Check:
    """Check that no cluster is out of all proportion."""
    limit: float = MOST_OFFERS
    rule = f"at most {MOST_OFFERS} products"
    if label != SAME:
        limit = max(GIANT_SHARE * len(labels), GIANT_TIMES * float(sizes.mean()) if len(sizes) else 0.0)
        rule = f"at most {GIANT_SHARE:.0%} of the products, or {GIANT_TIMES} times the mean cluster"
        labelled = int((labels >= -1).sum())  # noise is -1; what is below is no label
        if sizes.max(initial=0) < labelled:
            limit = min(limit, NEARLY_ALL * labelled)
            rule += f", and at most {NEARLY_ALL:.0%} of those with the label"
    giants = np.flatnonzero(sizes > limit)
    shown = giants[np.argsort(-sizes[giants], kind="stable")][:EXAMPLES]
    called = names_of(store, label, numbers[shown].tolist())
    examples = [f"{numbers[i]} {called.get(int(numbers[i]), '')}".strip() + f" ({sizes[i]:,})" for i in shown]
    verdict: Verdict = "look" if len(giants) else "ok"
    return Check(f"{label}: giants", len(giants), len(sizes), verdict, tuple(examples), rule)


def _record(origin: Origin, labels: Numbers) -> list[Check]:
    """Check that a label has as many clusters as its run wrote; deleted products may have taken some with them."""
    results = origin.run.results.get(origin.label, {}) if origin.run is not None else {}
    written = results.get("clusters")
    if written is None:
        return []
    there = len(np.unique(labels[labels >= 0]))
    verdict: Verdict = "broken" if there > written else "look" if there < written else "ok"
    name = f"{origin.label}: clusters unlike the run's record"
    examples = () if there == written else (f"{there:,} here, {written:,} written",)
    return [
        Check(name, abs(there - written), written, verdict, examples, "as many as written; look if fewer, else broken")
    ]


def _split_titles(seen: Inspected) -> Check:
    """Find products of one title and brand in several clusters of `identity`, more than their merchants account for.

    Two offers of one merchant are never one product, so the merchant with the most of them says how many clusters there
    have to be; a title of very many products names none of them.
    """
    labels = seen.labels[SAME]
    titles, place, counts = np.unique(seen.titles, return_inverse=True, return_counts=True)
    judged = (titles != 0) & (counts > 1) & (counts <= MOST_ALIKE)
    rows = np.flatnonzero(judged[place] & (labels >= 0))
    clusters = _distinct(place[rows], labels[rows], len(titles))
    sources = classes(seen.sources)[1]
    named = rows[np.array([bool(seen.sources[row]) for row in rows], dtype=np.bool_)] if len(rows) else rows
    needed = np.maximum(_most_of_one(place[named], sources[named], len(titles)), 1)
    split = np.zeros(len(labels), dtype=np.bool_)
    split[rows] = (clusters > needed)[place[rows]]
    order = rows[np.argsort(place[rows], kind="stable")]
    examples = [seen.ids[row] for row in order if split[row]][:EXAMPLES]
    name = f"{SAME}: one title and brand in several clusters"
    return Check(name, int(split.sum()), len(rows), "look" if split.any() else "ok", tuple(examples), _NONE)


def _distinct(groups: Numbers, values: Numbers, n: int) -> Numbers:
    """Count the different values, 0 or more, in each of n groups."""
    width = int(values.max(initial=0)) + 1
    return np.bincount(np.unique(groups * width + values) // width, minlength=n)


def _most_of_one(groups: Numbers, values: Numbers, n: int) -> Numbers:
    """Say how often the most frequent value, 0 or more, is there in each of n groups."""
    width = int(values.max(initial=0)) + 1
    pairs, counts = np.unique(groups * width + values, return_counts=True)
    most = np.zeros(n, dtype=np.int64)
    np.maximum.at(most, pairs // width, counts)
    return most


def _vectors(name: str, found: InspectedVectors, seen: Inspected) -> list[Check]:
    """Check that vectors are there and sound, and that pictures are still files."""
    verdict: Verdict = "broken" if name == "text" else "look"
    what = "picture" if name == "image" else f"vector '{name}'"
    checks = [
        _check(f"products without {what}", found.missing, seen.ids, verdict, _NONE),
        _check(f"vectors '{name}' of NaN or not of length 1", found.wrong, seen.ids, "broken", _NONE),
    ]
    if name == "image":
        of = int((~found.missing).sum())
        checks.append(_check("picture files that are gone", seen.lost, seen.ids, "look", _NONE, of=of))
    return checks


def _members(origin: Origin, runs: Sequence[Run], found: InspectedVectors, seen: Inspected) -> list[Check]:
    """Check that the products with a vector have the label made of it, and lie where their cluster lies.

    Products that have none are new if anything was indexed since the label's run; if not, it was not written whole.
    """
    label, labels = origin.label, seen.labels[origin.label]
    since = origin.run is not None and any(
        run.kind not in ("cluster", "predict") and run.run_id > origin.run.run_id for run in runs
    )
    here = ~found.missing
    without = _check(
        f"{label}: without a cluster or noise",
        here & (labels == UNLABELLED),
        seen.ids,
        "look" if since else "broken",
        f"{_NONE}; look if something was indexed since, else broken",
        of=int(here.sum()),
    )
    if label == CELLS:
        return [without]
    sound = here & ~found.wrong
    far = far_members(found.block, np.where(sound, np.maximum(labels, -1), -1))
    rule = f"at most {MOST_FAR:.0%} may be {DEVIATIONS:g} deviations below their cluster's median cosine"
    inside = int((labels >= 0).sum())
    return [without, _check(f"{label}: far from the centre", far, seen.ids, "look", rule, of=inside, least=MOST_FAR)]
