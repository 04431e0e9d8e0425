"""Choose how many clusters: score a few numbers widely apart, then those around the best, then weigh what was found."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import check_rows, check_sample
from .scores import REFERENCES, Fit, Scorer, Scores
from .verdict import Verdict, verdict

FloatArray = NDArray[np.float32]

GRID = 22
"""Numbers tried first between the smallest and the largest, each larger than the last by about the same factor."""

LEAST = 4
"""Rows that a number of clusters can be chosen by."""

AROUND = 8
"""Numbers tried between the neighbours of one that looks best."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How many clusters, and what speaks for it.

    Args:
        scores: Of each k tried, k rising.
        verdict: What they say together.
        rows: How many rows were scored.
        of: How many there are.
    """

    scores: tuple[Scores, ...]
    verdict: Verdict
    rows: int
    of: int


def choose_k(
    vectors: FloatArray,
    ks: Sequence[int],
    *,
    fit: Fit,
    seed: int,
    closed: bool = False,
    sample: int,
    references: int = REFERENCES,
    progress: Callable[[int], object] | None = None,
) -> Choice:
    """Choose how many clusters, by every criterion there is, on a sample.

    Args:
        vectors: float32 (n, d): of length 1, or standardised columns of any length.
        ks: From the smallest to the largest to try; with `closed`, the only ones.
        fit: Cuts rows into k clusters.
        seed: Of the sample and the reference sets.
        closed: Whether the question is which of `ks` it is, rather than which number in their range.
        sample: Rows scored at most: clusters worth having show in a sample.
        references: Sets without clusters they are held against; 0 for none, and then no gap.
        progress: Called with 1 for each k scored.

    Raises:
        ValueError: If there are fewer than 4 rows, or the sample is smaller, all are the same or hold NaN, or a k is
            not between 2 and the rows less 1.
    """
    n = len(vectors)
    _check(vectors, ks, min(n, sample))
    if sample < n:
        vectors = vectors[np.sort(np.random.default_rng(seed).permutation(n)[:sample])]
        check_sample(vectors)
    scorer = Scorer(np.ascontiguousarray(vectors, np.float32), fit, seed=seed, references=references)

    def score(these: Iterable[int]) -> None:
        for k in sorted({*these} - {each.k for each in scorer.scores}):
            scorer.score(k)
            if progress is not None:
                progress(1)

    score(ks if closed else grid(min(ks), max(ks)))
    one = scorer.at_one()
    if not closed:
        for _ in range(2):  # what looks best may move a little
            picks = verdict(scorer.scores, one).picks
            tried = [each.k for each in scorer.scores]
            score(k for name in ("silhouette", "gap") if picks[name] in tried for k in around(tried, picks[name] or 0))
    return Choice(scorer.scores, verdict(scorer.scores, one, closed=closed), len(vectors), n)


def grid(low: int, high: int) -> list[int]:
    """Spread whole numbers from low to high, each larger than the last by about the same factor."""
    return sorted({round(k) for k in np.geomspace(low, high, GRID).tolist()})


def around(tried: Sequence[int], k: int) -> list[int]:
    """Spread numbers between the neighbours of one that was tried."""
    at = list(tried).index(k)
    low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
    return sorted({round(each) for each in np.linspace(low, high, AROUND + 2).tolist()})


def _check(vectors: FloatArray, ks: Sequence[int], rows: int) -> None:
    """Refuse what nothing can be chosen from, by so many of the rows."""
    check_rows(vectors)
    n = len(vectors)
    if n < LEAST:
        raise ValueError(f"at least {LEAST} products are needed to choose a number of clusters, got {n}")
    if rows < LEAST:
        raise ValueError(f"a sample must be at least {LEAST} to choose a number of clusters by, got {rows}")
    if not len(ks) or min(ks) < 2 or max(ks) >= rows:
        sampled = f" of {n:,}" if rows < n else ""
        raise ValueError(
            f"k must be between 2 and {rows - 1:,} for {rows:,}{sampled} rows, got {min(ks, default=0)} to "
            f"{max(ks, default=0)}: give another --range{', or a larger --sample' * bool(sampled)}"
        )
