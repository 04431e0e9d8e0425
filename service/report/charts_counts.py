"""Charts of what a catalogue holds: distributions and counts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .charts_style import (
    ACCENT,
    cut,
    few_ticks,
    log_axis,
    new_figure,
    number,
    only_grid,
    panels_of,
    rows_of,
    styled,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def histogram_chart(
    counts: NDArray[np.int64], edges: NDArray[np.float64], *, title: str, unit: str = "", note: str = ""
) -> "Figure":
    """Draw how often values fall between edges.

    Args:
        counts: int64 (b,).
        edges: (b + 1,), ascending; where they grow by one factor, the axis does so too.
        title: What the chart says.
        unit: Of the values, below the axis.
        note: How to read it.
    """
    figure = new_figure(7, 3, title, note)
    axes = figure.add_subplot(xlabel=unit)
    _histogram(axes, counts, edges)
    return figure


@styled
def histograms_chart(
    histograms: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]], *, title: str, note: str = ""
) -> "Figure":
    """Draw many histograms, a panel each: name -> counts (b,) and edges (b + 1,).

    Args:
        histograms: At least one.
        title: What the chart says.
        note: How to read it.

    Raises:
        ValueError: If there is none.
    """
    figure, panels = panels_of(list(histograms), title, note, height=1.75)
    for axes, (name, (counts, edges)) in zip(panels, histograms.items(), strict=True):
        _histogram(axes, counts, edges)
        axes.set_title(cut(name))
    return figure


def _histogram(axes: "Axes", counts: NDArray[np.int64], edges: NDArray[np.float64]) -> None:
    axes.stairs(counts, edges, fill=True, color=ACCENT)
    axes.set_ylim(0, max(1, int(counts.max(initial=0))) * 1.05)
    few_ticks(axes, "y", 4, whole=True)
    if _by_factors(edges):
        log_axis(axes, "x")
        axes.set_xlim(edges[0], edges[-1])
    else:
        few_ticks(axes, "x", 5)
    thousands(axes, "x", "y")
    only_grid(axes, "y")


def _by_factors(edges: NDArray[np.float64]) -> bool:
    """Say whether edges grow by one factor, not by one step."""
    if len(edges) < 4 or edges[0] <= 0:
        return False
    return bool(np.allclose(edges[1:] / edges[:-1], edges[1] / edges[0]))


@styled
def bars_chart(
    counts: Sequence[float], names: Sequence[str], *, title: str, note: str = "", share: bool = False
) -> "Figure":
    """Draw a bar a name, in the order given, each with its number at its end.

    Args:
        counts: m numbers.
        names: m names.
        title: What the chart says.
        note: How to read it.
        share: Whether the numbers are shares of 1, written in per cent on a scale to 100.

    Raises:
        ValueError: If there are not as many names as numbers.
    """
    if len(counts) != len(names):
        raise ValueError(f"{len(counts)} bars need as many names, got {len(names)}")
    figure = new_figure(8, 1.0 + 0.27 * max(3, len(counts)), title, note)
    axes = figure.add_subplot()
    if share:
        axes.barh(range(len(counts)), [1] * len(counts), color="#eef1f4", height=0.7)
    axes.barh(range(len(counts)), counts, color=ACCENT, height=0.7)
    for row, count in enumerate(counts):
        text = per_cent(count) if share else number(count)
        axes.annotate(text, (count, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    rows_of(names, axes)
    axes.set_xlim(0, 1.1 if share else max(1e-9, *counts, 0) * 1.14)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    return figure


def per_cent(share: float) -> str:
    """Write a share so that little is not nothing, and nearly all is not all."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"
