"""Where a falling curve bends, found by rule and not by eye."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

LEAST_BEND = 0.15
"""How far below the straight line from its first to its last point a curve must hang, as a share of its fall."""


class Knee(NamedTuple):
    """Where a curve bends.

    Args:
        at: Which point of the curve, counted from 0.
        bend: How far below the straight line from end to end the curve is there, as a share of its fall: 0 to 1.
    """

    at: int
    bend: float


def knee(x: ArrayLike, y: ArrayLike, *, sensitivity: float = 1.0) -> Knee | None:
    """Find the knee of a falling curve by Kneedle, or say that it has none.

    Satopää, Albrecht, Irwin and Raghavan, "Finding a 'Kneedle' in a haystack: detecting knee points in system
    behavior", ICDCS workshops 2011. The curve is not smoothed first: it has few points, each of them an average.
    Kneedle finds a knee in every convex curve; one that hangs less than `LEAST_BEND` below the straight line is not
    called one here. For inertia over k, give the logarithms of both: without clusters inertia falls as a power of k
    (Schubert, "Stop using the elbow criterion for k-means", SIGKDD Explorations 2023), which is then a straight line,
    while on plain axes it bends wherever the range puts the bend.

    Args:
        x: Rising, at least 3 points for a knee to be between.
        y: As many, falling on the whole.
        sensitivity: How many mean steps of x the curve has to come back towards the line before a bend counts.

    Returns:
        The knee that hangs lowest, None where there is none.

    Raises:
        ValueError: If x does not rise, or the two differ in length.
    """
    across, down = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if across.shape != down.shape or across.ndim != 1:
        raise ValueError(f"x and y must be of one length, got {len(across)} and {len(down)}")
    if (np.diff(across) <= 0).any():
        raise ValueError("x must rise from point to point")
    if len(across) < 3 or not down[0] > down.min():
        return None
    across = (across - across[0]) / (across[-1] - across[0])
    below = (1 - across) - (down - down.min()) / (down[0] - down.min())
    peaks = [at for at in range(1, len(below) - 1) if below[at - 1] < below[at] >= below[at + 1]]
    drop = sensitivity / (len(across) - 1)
    each = pairwise([*peaks, len(below) - 1])  # each peak has until the next one to fall off
    found = [at for at, end in each if below[at : end + 1].min() < below[at] - drop]
    if not found or below[best := max(found, key=lambda at: float(below[at]))] < LEAST_BEND:
        return None
    return Knee(best, float(below[best]))
