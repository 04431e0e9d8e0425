"""The map: products as points, coloured by cluster, with names where there is room."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .charts_style import (
    NOISE_COLOUR,
    OTHER_COLOUR,
    PALETTE,
    SOFT,
    check_alike,
    colours_of,
    cut,
    name_of,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 40  # names at most
_SHUFFLE = 0  # seed of the order points are drawn in, so that no cluster hides another


@styled
def map_chart(
    positions: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    names: Mapping[int, str],
    title: str,
    sizes: NDArray[np.int64] | None = None,
) -> "Figure":
    """Draw products as points, coloured by cluster, with the names of the largest where their points lie.

    Args:
        positions: (n, 2), as `clustering.projection.project` finds them.
        labels: int64 (n,), -1 for noise.
        names: Cluster -> its name; the others show their number.
        title: What the map says.
        sizes: int64 (k,), by which clusters are large, where the map shows but some products; None counts the labels.

    Raises:
        ValueError: If there are not as many labels as positions.
    """
    check_alike(positions, labels, "positions")
    sizes = np.bincount(labels[labels >= 0]) if sizes is None else sizes
    figure = new_figure(10, 7.6, title, _map_note(sizes, int((labels < 0).sum())))
    axes = figure.add_subplot(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    size = float(np.clip(40_000 / max(1, len(labels)), 1.2, 36))
    colours = np.array([*colours_of(sizes), NOISE_COLOUR])
    top = np.isin(colours[labels], PALETTE)
    for group in (labels < 0, (labels >= 0) & ~top, top):
        rows = np.random.default_rng(_SHUFFLE).permutation(np.flatnonzero(group))
        if len(rows):
            x, y = positions[rows].T
            axes.scatter(x, y, s=size, c=colours[labels[rows]], alpha=0.85, linewidths=0, rasterized=len(labels) > 2000)
    axes.margins(0.03)
    _write_names(figure, axes, positions, labels, sizes, names)
    return figure


def _map_note(sizes: NDArray[np.int64], noise: int) -> str:
    """Say what the colours mean."""
    k = int((sizes > 0).sum())
    note = "one point a product, alike ones close together"
    if k > len(PALETTE):
        note += f"; the {len(PALETTE)} largest of {k:,} clusters in colour, the others grey"
    return note + f"; {noise:,} in no cluster pale" * bool(noise)


def _write_names(
    figure: "Figure",
    axes: "Axes",
    positions: NDArray[np.float32],
    labels: NDArray[np.int64],
    sizes: NDArray[np.int64],
    names: Mapping[int, str],
) -> None:
    """Write names at the middle of their clusters, the largest first, leaving out what would cover another."""
    from matplotlib.patheffects import withStroke

    figure.draw_without_rendering()  # settles where the axes lie
    figure.set_layout_engine("none")
    colours = colours_of(sizes)
    taken: list[Any] = []
    frame = axes.get_window_extent()
    for cluster in np.argsort(-sizes, kind="stable")[:_NAMED].tolist():
        points = positions[labels == cluster]
        if not len(points):
            continue
        middle = _middle(points)
        text = axes.annotate(
            cut(name_of(cluster, names), 28), middle, (0, 0), textcoords="offset points", ha="center", va="center",
            color=_darker(colours[cluster]), weight="bold", fontsize=9,
            path_effects=[withStroke(linewidth=3, foreground="white", alpha=0.9)],
        )  # fmt: skip
        for shift in ((0, 0), (0, 11), (0, -11), (0, 22), (0, -22)):
            text.set_position(shift)
            box = text.get_window_extent()
            dx = max(0.0, frame.x0 - box.x0) - max(0.0, box.x1 - frame.x1)  # back onto the page
            text.set_position((shift[0] + dx * 72 / figure.dpi, shift[1]))
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
        else:
            text.remove()


def _middle(points: NDArray[np.float32]) -> tuple[float, float]:
    """Give the point nearest to the median of all, so that the name stands on the cluster itself."""
    distances = ((points - np.median(points, axis=0)) ** 2).sum(axis=1)
    x, y = points[distances.argmin()]
    return float(x), float(y)


def _darker(colour: str) -> Any:
    """Darken a colour until letters in it can be read on white."""
    from matplotlib.colors import to_rgb

    return SOFT if colour == OTHER_COLOUR else tuple(0.62 * part for part in to_rgb(colour))
