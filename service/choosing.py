"""How many clusters a catalogue has: a number for methods that take one, a resolution for Leiden."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.choose import Choice, choose_k
from clustering.cuts import CUTTERS
from graph.communities import absorb, leiden
from graph.partitions import SIMILARITY_RESOLUTION, SMALLEST
from graph.profile import Profile
from indexer.store import ProductStore

from .kinds import DEFAULT_NEIGHBOURS, Say
from .leiden import neighbour_edges
from .progress import Bar, no_bar
from .resolution import profile_of
from .vectors import take_vectors

METHODS = (*CUTTERS, "leiden")


@dataclass(frozen=True, slots=True)
class Range:
    """Which numbers of clusters are in question.

    Args:
        ks: The smallest and the largest; or, where `closed`, the only ones, rising.
        closed: Whether the question is which of them it is.
    """

    ks: tuple[int, ...] = (2, 200)
    closed: bool = False

    @classmethod
    def parsed(cls, text: str) -> "Range":
        """Read `2:200`, from 2 to 200, or `5,35`, either of the two.

        Raises:
            ValueError: If it is neither, or a number is below 2.
        """
        closed = "," in text
        parts = [part.strip() for part in text.split("," if closed else ":")]
        if not all(part.isdecimal() for part in parts) or len(parts) < 2 or (len(parts) > 2 and not closed):
            raise ValueError(f"a range is written 2:200, or 5,35 to choose between numbers, got '{text}'")
        ks = [int(part) for part in parts]
        if min(ks) < 2 or len(set(ks)) < len(ks) or (not closed and ks[0] > ks[1]):
            raise ValueError(f"a range needs different numbers from 2 on, the smaller first, got '{text}'")
        return cls(tuple(sorted(ks)), closed)


def choose_number(
    store: ProductStore,
    method: str,
    *,
    on: str,
    ks: Range | None,
    sample: int | None,
    seed: int,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> Choice:
    """Choose how many clusters a method should make of the products.

    Args:
        store: Filled by `index`.
        method: One of `METHODS` but leiden.
        on: Which vectors, one of `vectors.ON`.
        ks: Numbers in question; None for 2 to 200, or as far as there are products.
        sample: Most products scored; None for as many as suit the method.
        seed: Of the sample and of every fit.
        say: Called with a line about what is done.
        bar: Draws how far a step is.

    Raises:
        LookupError: If the store holds no products, or none with such a vector.
        ValueError: If a number is out of range, or the rows tell nothing.
    """
    cutter, vectors = CUTTERS[method], _vectors(store, on, say, bar)
    n, most = len(vectors), sample or cutter.sample
    rows = min(n, most)
    if ks is None:
        ks = Range((2, max(2, min(200, rows // 3))))
    told = f"{rows:,} products" if rows == n else f"a sample of {rows:,} of {n:,} products"
    say(f"{method} on the {on} of {told}, beside {cutter.references} sets of as many rows without clusters")
    with bar("numbers of clusters tried", None) as done:
        choice = choose_k(
            vectors, ks.ks, fit=cutter.seeded(seed), seed=seed, closed=ks.closed, sample=most,
            references=cutter.references, progress=done,
        )  # fmt: skip
    if not ks.closed and choice.verdict.picks["elbow"] is None:
        say("inertia falls without a knee")
    return choice


def choose_resolution(
    store: ProductStore,
    *,
    on: str,
    ks: Range | None,
    sample: int | None,
    seed: int,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> Profile:
    """Choose the resolution of Leiden on the graph of nearest neighbours, as `cluster NAME --method leiden` cuts it.

    Args:
        store: Filled by `index`.
        on: Which vectors, one of `vectors.ON`.
        ks: Fewest and most clusters wanted, whatever lies between; None for any.
        sample: Most products; None for all, because a sample's graph has fewer clusters at the same resolution.
        seed: Of the sample, and the first of those of Leiden.
        say: Called with a line about what is done.
        bar: Draws how far a step is.

    Raises:
        LookupError: If the store holds no products, or none with such a vector.
        ValueError: If there are fewer than 4 products.
    """
    vectors = _vectors(store, on, say, bar)
    if sample is not None and sample < len(vectors):
        say(f"a sample of {sample:,} of {len(vectors):,} products: all of them need a higher resolution for as many")
        vectors = vectors[np.sort(np.random.default_rng(seed).permutation(len(vectors))[:sample])]
    if (n := len(vectors)) < 4:
        raise ValueError(f"at least 4 products are needed to choose a resolution, got {n}")
    if not (vectors != vectors[0]).any():
        raise ValueError(f"all {n:,} products have the same vector: there is nothing to tell them apart by")
    with bar("nearest neighbours", None):
        edges = neighbour_edges(vectors, DEFAULT_NEIGHBOURS)

    def cut(resolution: float, each: int) -> NDArray[np.int64]:
        return absorb(leiden(edges, n, seed=each, resolution=resolution), edges, smallest=SMALLEST)

    return profile_of(
        cut, SIMILARITY_RESOLUTION, seed=seed, clusters=None if ks is None else (ks.ks[0], ks.ks[-1]), say=say, bar=bar
    )


def _vectors(store: ProductStore, on: str, say: Say, bar: Bar) -> NDArray[np.float32]:
    with bar("reading the store", None):
        taken = take_vectors(store, on)
    if taken.left_out:
        say(f"{len(taken.left_out):,} products have no vector '{on}' and are left out")
    return taken.vectors


def reason_of(choice: Choice) -> str:
    """Say what speaks for the number, or why there is none; and what to do where there are no clusters."""
    if choice.verdict.picks["gap"] != 1:
        return choice.verdict.reason
    return f"{choice.verdict.reason}; try --on another kind of vectors, or leiden or hdbscan, which need no number"


def choice_as_dict(choice: Choice, *, method: str, on: str, seed: int) -> dict[str, Any]:
    """Give a choice as JSON knows it."""
    verdict = choice.verdict
    return {
        "method": method,
        "on": on,
        "seed": seed,
        "rows": choice.rows,
        "products": choice.of,
        "recommended": verdict.k,
        "between": None if verdict.between is None else list(verdict.between),
        "reason": reason_of(choice),
        "picks": dict(verdict.picks),
        "scores": [asdict(each) for each in choice.scores],
    }


def profile_as_dict(profile: Profile, *, on: str, seed: int) -> dict[str, Any]:
    """Give a profile as JSON knows it."""
    return {
        "method": "leiden",
        "on": on,
        "seed": seed,
        "recommended": profile.resolution,
        "clear": profile.clear,
        "reason": profile.reason,
        "plateaus": [asdict(each) for each in profile.plateaus],
        "points": [asdict(each) for each in profile.points],
    }


_SHOWN = ("silhouette", "gap", "inertia", "calinski_harabasz", "davies_bouldin", "bic")


def write_choice(choice: Choice, folder: Path, *, title: str) -> list[Path]:
    """Write `choose_k.html` and its chart: every criterion by k, and the recommendation."""
    from .report.charts import elbow_chart
    from .report.page import Block, Chart, Table, Text, write_page

    rows = [asdict(each) for each in choice.scores]
    shown = {name: [row[name] for row in rows] for name in _SHOWN if any(row[name] is not None for row in rows)}
    k, reason = choice.verdict.k, reason_of(choice)
    heading = f"{k:,} clusters" if k is not None else re.split("[:,]", reason)[0].capitalize()
    figure = elbow_chart([each.k for each in choice.scores], shown, chosen=k, title=heading)
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    scored = f"Scored on {choice.rows:,} of {choice.of:,} products."
    blocks: list[Block] = [
        Text(f"{heading}: {reason}." if k is not None else f"{reason[0].upper()}{reason[1:]}."),
        Chart(figure, "every criterion by the number of clusters", file="choose_k.png"),
        Table(columns, [[row[name] for name in columns] for row in rows], caption=scored),
    ]
    return write_page(folder / "choose_k.html", title, blocks)


def write_profile(profile: Profile, folder: Path, *, title: str) -> list[Path]:
    """Write `resolutions.html` and its chart: clusters and stability by resolution, plateaus, the recommendation."""
    from .report.charts import profile_chart
    from .report.page import Block, Chart, Table, Text, write_page

    points, chosen = profile.points, profile.resolution
    heading = f"Resolution {chosen:.3g}" if profile.clear else f"Resolution {chosen:.3g}, not clearly"
    figure = profile_chart(
        [point.resolution for point in points],
        [point.clusters for point in points],
        [point.stability for point in points],
        plateaus=[(each.low, each.high) for each in profile.plateaus],
        chosen=chosen,
        title=heading,
    )
    rows: Sequence[Mapping[str, Any]] = [asdict(point) for point in points]
    blocks: list[Block] = [
        Text(f"{heading}: {profile.reason}."),
        Chart(figure, "clusters and stability by resolution", file="resolutions.png"),
        Table(list(rows[0]), [list(row.values()) for row in rows], caption="What each resolution finds."),
    ]
    return write_page(folder / "resolutions.html", title, blocks)
