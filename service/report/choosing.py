"""Which products stand for a cluster: its most central, its most diverse, its farthest, or those of each role."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

ROLES_SHOWN = 5
_DIGITS = 6  # closeness beyond these is noise, and must not decide between equals


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some products of a cluster that are shown together.

    Args:
        heading: What they have in common.
        rows: Which they are, int64, the first to be seen first.
    """

    heading: str
    rows: Rows


def parts(vectors: NDArray[np.float32], count: int) -> list[Part]:
    """Choose the products that show a cluster: its most central, its most diverse and its farthest, a third each.

    No product is chosen twice; a cluster of at most `count` is shown whole, and of none there is nothing to show.

    Args:
        vectors: float32 (m, dim), rows of length 1.
        count: How many products to choose, at least 3.
    """
    order = from_the_centre(vectors)
    if not len(order):
        return []
    if len(order) <= count:
        return [Part("all, the most central first", order)]
    diverse, outer = (count + 1) // 3, count // 3
    inner = count - diverse - outer
    central, between, farthest = order[:inner], order[inner:-outer], order[::-1][:outer]
    beside = np.concatenate([central, farthest])
    return [
        Part("most central", central),
        Part("most diverse", most_diverse(vectors, diverse, among=between, beside=beside)),
        Part("farthest from the centre", farthest),
    ]


def roles(vectors: NDArray[np.float32], names: Sequence[str], count: int) -> list[Part]:
    """Choose products that show what goes together in a cluster, from each role, frequent roles first.

    Of a role these are the most central product and then the most diverse; those without a vector come last.

    Args:
        vectors: float32 (m, dim), rows of length 1, NaN where a product has none.
        names: m roles.
        count: How many products to choose; a fifth of them a role, so that five roles or more are seen. The last
            heading counts those of the roles left out.
    """
    each, left = max(1, count // ROLES_SHOWN), count
    chosen: list[Part] = []
    named = np.array(names, dtype=object)
    frequent = sorted(Counter(names).items(), key=lambda role: (-role[1], role[0]))
    for at, (name, size) in enumerate(frequent):
        if left <= 0:
            others = sum(size for _, size in frequent[at:])
            chosen[-1] = replace(chosen[-1], heading=f"{chosen[-1].heading}; and {others:,} of other kinds")
            break
        members = np.flatnonzero(named == name)
        shown = members[_spread(vectors[members], min(each, left, size))]
        chosen.append(Part(f"{name} · {size:,}", shown))
        left -= len(shown)
    return chosen


def _spread(vectors: NDArray[np.float32], count: int) -> Rows:
    """Choose so many rows: the most central, the most diverse beside it, and only then rows of NaN."""
    order = from_the_centre(vectors)
    there = int((~np.isnan(vectors[:, 0])).sum())
    among = order[1:there]
    diverse = most_diverse(vectors, min(count - 1, len(among)), among=among, beside=order[:1])
    return np.concatenate([order[:1], diverse, order[max(1, there) :]])[:count]


def from_the_centre(vectors: NDArray[np.float32]) -> Rows:
    """Order rows by their closeness to the mean of all, the closest first, among equals the first row first.

    Args:
        vectors: float32 (m, dim), rows of length 1, or of NaN: these come last.
    """
    there = vectors[~np.isnan(vectors[:, 0])]
    closeness = (vectors @ there.sum(axis=0) / max(1, len(there))).round(_DIGITS)
    return np.argsort(-closeness, kind="stable").astype(np.int64)


def most_diverse(vectors: NDArray[np.float32], count: int, *, among: Rows, beside: Rows) -> Rows:
    """Choose rows that are as unlike each other, and what is shown beside them, as can be.

    Each is the one whose nearest neighbour among those chosen and those beside is the farthest (the greedy max-min of
    Gonzalez 1985, within twice the best possible).

    Args:
        vectors: float32 (m, dim), rows of length 1.
        count: How many, at most as many as there are to choose among.
        among: int64, the rows to choose from; of equals the first is taken.
        beside: int64, at least one row that counts as chosen already.
    """
    free = vectors[among]
    likeness = (free @ vectors[beside].T).max(axis=1)
    chosen: list[int] = []
    for _ in range(count):
        best = int(likeness.round(_DIGITS).argmin())
        chosen.append(best)
        likeness = np.maximum(likeness, free @ free[best])
        likeness[chosen] = np.inf
    return among[chosen]
