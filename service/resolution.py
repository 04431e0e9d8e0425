"""`--resolution auto`: what one partition after another tells of the resolution to take."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graph.profile import SEEDS, STEPS, Profile, resolution_profile, resolutions_around

from .progress import Bar

AUTO: Literal["auto"] = "auto"
Resolution = float | Literal["auto"]


def profile_of(
    cut: Callable[[float, int], NDArray[np.int64]],
    usual: float,
    *,
    seed: int,
    clusters: tuple[int, int] | None = None,
    say: Callable[[str], None],
    bar: Bar,
) -> Profile:
    """Cut a graph at resolutions around the usual one, saying what it costs.

    Args:
        cut: Takes a resolution and a seed, and gives labels int64 (n,).
        usual: The resolution that is taken where nobody asks.
        seed: The first of the seeds.
        clusters: Fewest and most clusters wanted; None for any.
        say: Called with a line about what is done.
        bar: Draws how far it is.
    """
    resolutions = resolutions_around(usual)
    say(
        f"resolution: {STEPS} from {resolutions[0]:.3g} to {resolutions[-1]:.3g}, each with {SEEDS} seeds: "
        f"Leiden runs {STEPS * SEEDS} times"
    )
    with bar("resolutions tried", STEPS * SEEDS) as done:
        return resolution_profile(cut, resolutions, seed=seed, clusters=clusters, progress=done)


def resolved(
    cut: Callable[[float, int], NDArray[np.int64]],
    usual: float,
    *,
    kind: str,
    seed: int,
    say: Callable[[str], None],
    bar: Bar,
) -> tuple[float, dict[str, Any]]:
    """Find the resolution in the middle of the best plateau; the usual one where there is none.

    Returns:
        The resolution, and it with the reason for the record of the run.
    """
    profile = profile_of(cut, usual, seed=seed, say=say, bar=bar)
    resolution, reason = profile.resolution, profile.reason
    if not profile.clear:
        resolution, reason = usual, f"{usual:.3g} as usual: {profile.reason}"
    say(f"{kind}: resolution {resolution:.3g}, {reason}")
    return resolution, {"resolution": resolution, "resolution_chosen": reason}
