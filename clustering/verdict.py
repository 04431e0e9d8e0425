"""Which number of clusters the criteria speak for, in words, or that they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .gap import Gap, smallest_near_best
from .knee import knee
from .scores import Scores

ALIKE = 1.1
"""Two numbers of clusters that differ by no more than this factor mean the same."""

SURE = 3.0
"""Standard errors by which the gap must pass that of one cluster, for there to be clusters at all."""

BEYOND_CHANCE = 0.05
"""By which the silhouette must pass that of sets without clusters, for its clusters to be worth telling apart."""

ENOUGH = 3
"""Criteria that must speak for one number, where silhouette and gap do not both."""

ASTRAY = 3.0
"""A criterion whose number is this many times the middle one, or as small a part of it, does not widen the range."""

TOLD_APART = 2.0
"""Standard errors by which one silhouette must pass another, where the question is which of a few numbers it is."""

NAMES: Mapping[str, str] = {
    "silhouette": "silhouette",
    "gap": "gap statistic",
    "calinski_harabasz": "Calinski-Harabasz",
    "davies_bouldin": "Davies-Bouldin",
    "bic": "BIC",
    "elbow": "elbow",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the criteria say together.

    Args:
        k: The number recommended; None where nothing is clear.
        between: The smallest and the largest number that criteria speak for, those far astray left out; None where
            none does.
        reason: Why, as a sentence.
        picks: Criterion -> the number it speaks for; None where it has no opinion.
    """

    k: int | None
    between: tuple[int, int] | None
    reason: str
    picks: Mapping[str, int | None]


def verdict(scores: Sequence[Scores], one: Gap | None, *, closed: bool = False) -> Verdict:
    """Weigh the criteria against each other.

    First whether there are clusters at all: the gap of some k must pass that of a single cluster. Then a number is
    clear where silhouette and gap both speak for it, or any `ENOUGH` criteria do, and its silhouette is beyond that of
    sets without clusters. No criterion is right everywhere: silhouettes merge clusters that lie near each other, the
    gap rises without end where the rows are nowhere near uniform, Calinski-Harabasz likes two, Davies-Bouldin the most
    (Arbelaitz et al., "An extensive comparative study of cluster validity indices", Pattern Recognition 2013); what
    they agree in was right on planted clusters, and there was none on noise.

    Args:
        scores: One for each k, k rising.
        one: The gap of all rows as one cluster; None where there are no reference sets.
        closed: Whether only these k are in question. Otherwise the best at the last k says that more may be better
            still, and is no opinion.
    """
    picks = _picks(scores, one, closed=closed)
    if one is not None and picks["gap"] == 1:
        best = max(each.gap for each in scores if each.gap is not None)
        gaps = f"the largest gap is {best:.3f}, that of a single cluster {one.gap:.3f}"
        reason = f"no clusters: whatever the number, rows without any are as tight ({gaps})"
        return Verdict(None, None, reason, picks)
    given = {name: k for name, k in picks.items() if k is not None}
    if not given:
        told = "the criteria cannot tell these numbers apart" if closed else f"all still improve at {scores[-1].k}"
        return Verdict(None, None, f"no clear number: {told}", picks)
    k, voices = _most_agreed(given)
    at = next(each for each in scores if each.k == k)
    chance = at.silhouette_chance or 0.0
    between = (min(given.values()), max(given.values())) if closed else _range(list(given.values()))
    if not ({"silhouette", "gap"} <= set(voices) or len(voices) >= ENOUGH):
        return Verdict(None, between, _divided(picks, scores, between, closed=closed), picks)
    if at.silhouette is None or at.silhouette < chance + BEYOND_CHANCE:
        reason = (
            f"no clear number: {_list(voices)} say {k}, but its silhouette {_silhouette(at)} is hardly above chance"
        )
        return Verdict(None, between, reason, picks)
    others = [f"{NAMES[name]} says {pick}" for name, pick in given.items() if name not in voices]
    against = f"; {', '.join(others)}" if others else ""
    return Verdict(k, between, f"{_list(voices)} agree; silhouette {_silhouette(at)}{against}", picks)


def _picks(scores: Sequence[Scores], one: Gap | None, *, closed: bool) -> dict[str, int | None]:
    """Ask each criterion for its number."""
    last = None if closed else scores[-1].k
    picks = {
        "silhouette": None if closed and not _told_apart(scores) else _best(scores, "silhouette", 1, last),
        "gap": _gap_pick(scores, one, last),
        "calinski_harabasz": _best(scores, "calinski_harabasz", 1, last),
        "davies_bouldin": _best(scores, "davies_bouldin", -1, last),
    }
    if any(each.bic is not None for each in scores):
        picks["bic"] = _best(scores, "bic", -1, last)
    if not closed:
        falling = [each for each in scores if each.inertia > 0]
        bend = knee(np.log([each.k for each in falling]), np.log([each.inertia for each in falling]))
        picks["elbow"] = None if bend is None else falling[bend.at].k
    return picks


def _best(scores: Sequence[Scores], name: str, sign: int, last: int | None) -> int | None:
    """Give the k of the best score; None where there is none, or it is the last."""
    known = [each for each in scores if getattr(each, name) is not None]
    best = max(known, key=lambda each: sign * float(getattr(each, name)), default=None)
    return None if best is None or best.k == last else best.k


def _told_apart(scores: Sequence[Scores]) -> bool:
    """Say whether the best silhouette passes the second by more than the sample could have it."""
    known = [(s.silhouette, s.silhouette_error or 0.0) for s in scores if s.silhouette is not None]
    if len(known) < 2:
        return bool(known)
    (best, error), (second, other) = sorted(known, reverse=True)[:2]
    return best - second > TOLD_APART * float(np.hypot(error, other))


def _gap_pick(scores: Sequence[Scores], one: Gap | None, last: int | None) -> int | None:
    """Give the smallest k whose gap is within an error of the largest; 1 where none passes that of one cluster."""
    gaps = [Gap(s.gap, s.gap_error) for s in scores if s.gap is not None and s.gap_error is not None]
    if one is None or not gaps:
        return None
    best = max(gaps)
    if best.gap - one.gap <= SURE * max(best.error, one.error):
        return 1
    at = smallest_near_best(gaps)
    return None if scores[at].k == last else scores[at].k


def _most_agreed(given: Mapping[str, int]) -> tuple[int, list[str]]:
    """Find the number most criteria speak for: the gap's own among those that mean the same, where it is with them."""
    circles = {
        name: [other for other, pick in given.items() if max(k, pick) <= ALIKE * min(k, pick)]
        for name, k in given.items()
    }
    name = max(circles, key=lambda name: len(circles[name]))  # the first among equals, in the order of `NAMES`
    return given["gap" if "gap" in circles[name] else name], circles[name]


def _range(given: Sequence[int]) -> tuple[int, int]:
    middle = float(np.median(given))
    near = [k for k in given if middle / ASTRAY <= k <= middle * ASTRAY]
    return min(near, default=min(given)), max(near, default=max(given))


def _divided(
    picks: Mapping[str, int | None], scores: Sequence[Scores], between: tuple[int, int], *, closed: bool
) -> str:
    """Say what each criterion speaks for, and which of them would go on."""
    said = ", ".join(f"{NAMES[name]} {k}" for name, k in picks.items() if k is not None)
    rising = [name for name, k in picks.items() if k is None and name != "elbow"]
    further = f"; {_list(rising)} still improve{'s' * (len(rising) == 1)} at {scores[-1].k}" if rising else ""
    top = max((s for s in scores if s.silhouette is not None), key=lambda s: s.silhouette or 0.0, default=None)
    must = "" if closed else ", the number to take where there must be one"
    best = f"; the silhouette is at most {_silhouette(top)}, at {top.k}{must}" if top is not None else ""
    low, high = between
    most = "most of them " if any(not low <= k <= high for k in picks.values() if k is not None) else ""
    where = f"{most}between {low} and {high}" if low < high else f"{low} at best"
    return f"no clear number, {where}: {said}{further if not closed else ''}{best}"


def _silhouette(at: Scores) -> str:
    chance = "" if at.silhouette_chance is None else f", without clusters it would be {at.silhouette_chance:.2f}"
    return f"{at.silhouette:.2f} ({at.silhouette_error:.3f} standard error{chance})"


def _list(names: Sequence[str]) -> str:
    spelled = [NAMES[name] for name in names]
    return spelled[0] if len(spelled) == 1 else f"{', '.join(spelled[:-1])} and {spelled[-1]}"
