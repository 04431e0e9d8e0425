"""Charts of scores: by k, by resolution, by epoch, and of each column with each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .charts_style import (
    ACCENT,
    INK,
    SOFT,
    WARM,
    cut,
    few_ticks,
    log_axis,
    new_figure,
    number,
    only_grid,
    panels_of,
    styled,
    thousands,
    two_digits,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BETTER = {
    "inertia": "lower is better, but it always falls: look for the bend",
    "silhouette": "higher is better",
    "gap": "higher is better",
    "calinski_harabasz": "higher is better",
    "davies_bouldin": "lower is better",
    "bic": "lower is better",
    "stability": "higher is better",
}
_TITLES = {
    "gap": "gap statistic",
    "calinski_harabasz": "Calinski-Harabasz",
    "davies_bouldin": "Davies-Bouldin",
    "bic": "BIC",
}
_NUMBERED = 16  # columns of a heatmap in whose cells there is room for a number


@styled
def elbow_chart(
    ks: Sequence[int], scores: Mapping[str, Sequence[float | None]], *, chosen: int | None, title: str
) -> "Figure":
    """Draw each score over the number of clusters, a panel a score, with the chosen number marked.

    Args:
        ks: Numbers of clusters, ascending.
        scores: Name -> a score for each k; None or NaN where it has none.
        chosen: The recommended k; None marks nothing.
        title: What the chart says.

    Raises:
        ValueError: If there is no score, or one has not as many values as there are ks.
    """
    figure, panels = panels_of(list(scores), title, "scores by the number of clusters, k", height=2.5)
    for axes, (name, values) in zip(panels, scores.items(), strict=True):
        if len(values) != len(ks):
            raise ValueError(f"{len(ks)} numbers of clusters need as many values of {name}, got {len(values)}")
        known = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        there = np.isfinite(known)
        axes.plot(np.array(ks)[there], known[there], color=ACCENT, linewidth=1.6, marker="o", markersize=3)
        axes.text(0, 1.01, _BETTER.get(name, ""), transform=axes.transAxes, fontsize=8, color=SOFT, va="bottom")
        axes.set_title(_TITLES.get(name, name.replace("_", " ")), pad=16 if name in _BETTER else 6)
        axes.set_xlabel("k")
        _mark(axes, chosen, "k")
        only_grid(axes, "y")
        thousands(axes, "y")
        if max(ks) > 10 * max(1, min(ks)):
            log_axis(axes, "x")
    return figure


@styled
def profile_chart(
    resolutions: Sequence[float],
    clusters: Sequence[int],
    stability: Sequence[float],
    *,
    plateaus: Sequence[tuple[float, float]],
    chosen: float | None,
    title: str,
) -> "Figure":
    """Draw how many clusters each resolution makes and how alike they are between seeds; plateaus are shaded.

    Args:
        resolutions: m of them, ascending, above 0.
        clusters: m numbers of clusters.
        stability: m adjusted Rand indices between seeds, from 0 to 1.
        plateaus: From and to which resolution the clusters stay much the same.
        chosen: The recommended resolution; None marks nothing.
        title: What the chart says.

    Raises:
        ValueError: If there are not as many numbers and stabilities as resolutions.
    """
    if not len(resolutions) == len(clusters) == len(stability):
        raise ValueError(
            f"{len(resolutions)} resolutions need as many numbers of clusters and stabilities, "
            f"got {len(clusters)} and {len(stability)}"
        )
    figure = new_figure(8, 5.2, title, "shaded: plateaus, where other resolutions find much the same" * bool(plateaus))
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, values, name in (
        (above, clusters, "clusters"),
        (below, stability, "stability: agreement between seeds (ARI)"),
    ):
        for low, high in plateaus:
            axes.axvspan(low, high, color=ACCENT, alpha=0.12, linewidth=0)
        axes.plot(resolutions, values, color=ACCENT, linewidth=1.6, marker="o", markersize=3.5)
        axes.set_title(name)
        only_grid(axes, "y")
    _mark(above, chosen, "resolution")
    _mark(below, chosen, "")
    log_axis(below, "x")
    if max(clusters, default=0) > 20 * max(1, min(clusters, default=1)):
        log_axis(above, "y")
    else:
        thousands(above, "y")
    below.set_ylim(min(0.0, *stability), 1.04)
    below.set_xlabel("resolution")
    return figure


@styled
def losses_chart(losses: Mapping[str, Sequence[float]], *, title: str) -> "Figure":
    """Draw how losses fell, a panel each, for their scales differ.

    Args:
        losses: Name -> a value an epoch.
        title: What the chart says.

    Raises:
        ValueError: If there is no loss.
    """
    figure, panels = panels_of(list(losses), title, "by epoch", height=2.3)
    for axes, (name, values) in zip(panels, losses.items(), strict=True):
        axes.plot(range(1, len(values) + 1), values, color=ACCENT, linewidth=1.5)
        axes.set_title(name.replace("_", " "))
        if values:
            last = number(float(f"{values[-1]:.3g}"))
            axes.annotate(last, (len(values), values[-1]), (-2, 5), textcoords="offset points", fontsize=9, ha="right")
        axes.set_xlabel("epoch")
        few_ticks(axes, "x", 6, whole=True)
        only_grid(axes, "y")
    return figure


@styled
def heatmap_chart(
    matrix: NDArray[np.float64],
    names: Sequence[str],
    *,
    title: str,
    columns: Sequence[str] | None = None,
    limit: float = 1.0,
    note: str = "",
) -> "Figure":
    """Draw a matrix in colours: blue below 0, white at 0, red above; NaN stays grey.

    Args:
        matrix: (d, d), such as correlations; or (a, b) with `columns`.
        names: Of the rows, and of the columns where these have no names of their own.
        title: What the chart says.
        columns: b names.
        limit: Where the colours end, on both sides.
        note: How to read it.

    Raises:
        ValueError: If the names do not fit the matrix.
    """
    across = names if columns is None else columns
    if matrix.shape != (len(names), len(across)):
        raise ValueError(f"a matrix of shape {matrix.shape} needs as many names, got {len(names)} and {len(across)}")
    from matplotlib import colormaps

    a, b = matrix.shape
    figure = new_figure(3.6 + 0.52 * max(b, 4), 2.4 + 0.36 * max(a, 3), title, note)
    axes = figure.add_subplot(facecolor="#c8ced5")
    colours = colormaps["RdBu_r"]
    shown = axes.imshow(np.ma.masked_invalid(matrix), cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    axes.set_yticks(range(a), [cut(name) for name in names], color=INK)
    axes.set_xticks(range(b), [cut(name, 26) for name in across], rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(shown, ax=axes, shrink=0.8, aspect=30, pad=0.02).outline.set_visible(False)
    if b <= _NUMBERED:
        for row, column in np.argwhere(np.isfinite(matrix)).tolist():
            value = float(matrix[row, column])
            axes.text(column, row, two_digits(value), ha="center", va="center", fontsize=8,
                      color="white" if abs(value) > 0.55 * limit else INK)  # fmt: skip
    return figure


def _mark(axes: "Axes", chosen: float | None, what: str) -> None:
    """Draw a line at the chosen number, and write it beside."""
    if chosen is None:
        return
    axes.axvline(chosen, color=WARM, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(f"{what} {number(chosen)}" if what else "", (chosen, 0.98), (4, 0), color=WARM, fontsize=9, va="top",
                  xycoords=("data", "axes fraction"), textcoords="offset points", weight="bold")  # fmt: skip
