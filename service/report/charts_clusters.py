"""Charts of one clustering: the silhouettes, the sizes, the truth beside it, the tree of merges."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .charts_style import (
    ACCENT,
    INK,
    NOISE_COLOUR,
    RULE,
    check_alike,
    colours_of,
    cut,
    last_steps,
    name_of,
    new_figure,
    only_grid,
    rows_of,
    styled,
    thousands,
    two_digits,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLADES = 24
_LISTED = 30
_WIDEST = 30  # rows and columns of a confusion matrix
_LEAVES = 50
_OTHERS = ("smaller ones", "others", "noise")  # which come last
_CONFUSION_NOTE = "per cent of each row, below 5 left out; beside a name, how many products"


@styled
def silhouette_chart(
    samples: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    names: Mapping[int, str],
    title: str,
    sizes: NDArray[np.int64] | None = None,
) -> "Figure":
    """Draw each cluster's silhouettes, sorted, the best cluster on top (Rousseeuw 1987).

    Args:
        samples: (m,), from -1 to 1.
        labels: int64 (m,), their clusters; noise is left out.
        names: Cluster -> its name; the others show their number.
        title: What the chart says.
        sizes: int64 (k,), by which clusters are large, where these are but some products; None counts the labels.

    Raises:
        ValueError: If there are not as many labels as samples.
    """
    check_alike(samples, labels, "silhouettes")
    known = labels >= 0
    samples, labels = np.asarray(samples)[known], labels[known]
    blades = _blades(samples, labels, names, np.bincount(labels) if sizes is None else sizes)
    total = max(1, sum(len(values) for _, _, values in blades))
    least = 0.55 / max(len(blades), 4)  # room for a name
    heights = [max(len(values) / total, least) for _, _, values in blades]
    heights[_BLADES:] = [3 * least for _ in heights[_BLADES:]]  # all others together, however many
    figure = new_figure(
        8.6,
        1.5 + min(8.0, max(1.4, 0.36 * len(blades))),
        title,
        "near 1: well inside its cluster; about 0: between two; below 0: nearer to another. A blade a cluster",
    )
    axes = figure.add_subplot(xlabel="silhouette")
    ticks, top = [], 0.0
    for (_, colour, values), height in zip(blades, heights, strict=True):
        y = np.linspace(top, top + height, len(values) + 1)
        axes.stairs(np.sort(values)[::-1], y, orientation="horizontal", fill=True, color=colour)
        ticks.append(top + height / 2)
        top += height + 0.12 / max(len(blades), 4)
    axes.set_yticks(ticks, [name for name, _, _ in blades], color=INK)
    axes.set_ylim(top, 0)
    only_grid(axes, "x")
    if len(samples):
        mean = float(samples.mean())
        axes.axvline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(f"mean {mean:.2f}", (mean, 1), (4, 3), xycoords=("data", "axes fraction"),
                      textcoords="offset points", va="bottom", fontsize=9)  # fmt: skip
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=RULE, linewidth=1)
    axes.set_xlim(min(-0.1, float(samples.min(initial=0)) - 0.02), max(0.3, float(samples.max(initial=0)) + 0.02))
    return figure


def _blades(
    samples: NDArray[np.float32], labels: NDArray[np.int64], names: Mapping[int, str], sizes: NDArray[np.int64]
) -> list[tuple[str, str, NDArray[np.float32]]]:
    """Give a name, a colour and the values of the largest clusters, the best first; all others come last, as one."""
    colours = colours_of(sizes)
    there = np.unique(labels)
    shown = there[np.argsort(-sizes[there], kind="stable")][:_BLADES].tolist()
    parts = [(cluster, samples[labels == cluster]) for cluster in shown]
    parts.sort(key=lambda part: (-float(part[1].mean()), part[0]))
    blades = [
        (f"{name_of(c, names, 'cluster ')}  {two_digits(float(values.mean()))}", colours[c], values)
        for c, values in parts
    ]
    rest = samples[~np.isin(labels, shown)]
    if len(rest):
        others = len(there) - len(shown)
        blades.append((f"{others:,} smaller clusters  {two_digits(float(rest.mean()))}", NOISE_COLOUR, rest))
    return blades


@styled
def sizes_chart(sizes: NDArray[np.int64], *, title: str, names: Sequence[str] | None = None) -> "Figure":
    """Draw how large clusters are: each of up to thirty, else how many there are of each size and what they hold.

    Args:
        sizes: int64 (k,), products of each cluster.
        title: What the chart says.
        names: k names; None for the numbers from 0 on.
    """
    if len(sizes) <= _LISTED:
        order = np.argsort(-sizes, kind="stable")
        figure = new_figure(7.6, 1.1 + max(0.8, 0.27 * len(sizes)), title, "products of each cluster")
        axes = figure.add_subplot()
        _bars(axes, sizes[order], [f"{cluster}" if names is None else names[cluster] for cluster in order.tolist()])
        return figure
    lower = 2 ** np.floor(np.log2(np.maximum(sizes, 1))).astype(np.int64)
    steps = np.unique(lower)
    ranges = [f"{low:,}" if low == 1 else f"{low:,} to {2 * low - 1:,}" for low in steps.tolist()]
    figure = new_figure(9.6, 1.4 + 0.27 * len(steps), title, "by the number of products in a cluster")
    clusters, products = figure.subplots(1, 2, sharey=True)
    clusters.set_title(f"{len(sizes):,} clusters")
    products.set_title(f"{int(sizes.sum()):,} products in them")
    _bars(clusters, np.array([(lower == low).sum() for low in steps]), ranges)
    _bars(products, np.array([sizes[lower == low].sum() for low in steps]), ranges)
    return figure


def _bars(axes: "Axes", counts: NDArray[np.int64], names: Sequence[str]) -> None:
    """Draw bars from the left, each with its number at its end."""
    axes.barh(range(len(counts)), counts, color=ACCENT, height=0.7)
    for row, count in enumerate(counts.tolist()):
        axes.annotate(f"{count:,}", (count, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    rows_of(names, axes)
    axes.set_xlim(0, max(1, int(counts.max(initial=0))) * 1.14)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)


@styled
def confusion_chart(
    counts: NDArray[np.int64], rows: Sequence[str], columns: Sequence[str], *, title: str, note: str = ""
) -> "Figure":
    """Draw how rows fall upon columns, each row as shares of its own sum, ordered so that what fits lies diagonally.

    Past thirty rows or columns the smaller ones are summed up as one.

    Args:
        counts: int64 (a, b).
        rows: a names.
        columns: b names.
        title: What the chart says.
        note: How to read it.

    Raises:
        ValueError: If the names do not fit the counts.
    """
    if counts.shape != (len(rows), len(columns)):
        raise ValueError(f"counts of shape {counts.shape} need as many names, got {len(rows)} and {len(columns)}")
    counts, rows = _largest(counts, last_steps(rows))
    turned, columns = _largest(counts.T, last_steps(columns))
    counts = turned.T
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if shares.size:
        last = np.array([column.endswith(_OTHERS) for column in columns], dtype=np.bool_)
        order = np.lexsort((-shares.max(axis=0), shares.argmax(axis=0), last))
        shares, columns = shares[:, order], [columns[column] for column in order]
    a, b = shares.shape
    figure = new_figure(3.6 + 0.38 * max(b, 5), 2.6 + 0.3 * max(a, 3), title, note or _CONFUSION_NOTE)
    axes = figure.add_subplot()
    if not shares.size:
        axes.set_axis_off()
        return figure
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(a), [f"{cut(n)}  {s:,}" for n, s in zip(rows, counts.sum(axis=1), strict=True)], color=INK)
    axes.set_xticks(range(b), [cut(name, 26) for name in columns], rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, column in np.argwhere(shares >= 0.05).tolist():
        share = shares[row, column]
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8,
                  color="white" if share > 0.55 else INK)  # fmt: skip
    return figure


def _largest(counts: NDArray[np.int64], names: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Order rows by size and sum up those past the thirtieth."""
    last = np.array([name.endswith(_OTHERS) for name in names], dtype=np.bool_)
    order = np.lexsort((-counts.sum(axis=1), last))
    counts, named = counts[order], [names[row] for row in order]
    if len(named) <= _WIDEST:
        return counts, named
    rest = counts[_WIDEST - 1 :].sum(axis=0, keepdims=True)
    return np.vstack([counts[: _WIDEST - 1], rest]), [
        *named[: _WIDEST - 1],
        f"{len(named) - _WIDEST + 1:,} {_OTHERS[0]}",
    ]


@styled
def dendrogram_chart(
    linkage: NDArray[np.float64], *, leaves: Sequence[str] | None, title: str, by: str = ""
) -> "Figure":
    """Draw which clusters join at which distance; past fifty leaves only the last merges.

    Args:
        linkage: float64 (n - 1, 4), as scipy's `linkage` gives it.
        leaves: n names; None shows how many products each branch holds.
        title: What the chart says.
        by: What the distances are.

    Raises:
        ValueError: If there are not as many names as leaves.
    """
    from matplotlib.collections import LineCollection
    from scipy.cluster.hierarchy import dendrogram

    n = len(linkage) + 1
    if leaves is not None and len(leaves) != n:
        raise ValueError(f"a tree of {n} leaves needs as many names, got {len(leaves)}")
    shown = min(n, _LEAVES)
    named: list[str] = [cut(name) for name in leaves] if leaves is not None else ["1"] * n
    note = "the farther right two branches meet, the less they have in common"
    if shown < n:
        note = f"the last {shown - 1} of {n - 1:,} merges; at the left, how many each branch holds"
    elif leaves is None:
        note += "; at the left, how many each branch holds"
    note = f"{by}; {note}" if by else note
    figure = new_figure(8.6, 1.4 + 0.2 * max(shown, 8), title, note)
    axes = figure.add_subplot(xlabel="distance at which they join")
    if n > 1:
        tree = dendrogram(linkage, p=shown, truncate_mode="lastp" if shown < n else None, no_plot=True, labels=named)
        lines = [list(zip(d, i, strict=True)) for d, i in zip(tree["dcoord"], tree["icoord"], strict=True)]
        axes.add_collection(LineCollection(lines, colors=ACCENT, linewidths=1.3))
        ticks = [label.strip("()") for label in tree["ivl"]] if shown < n else tree["ivl"]
        axes.set_yticks([5 + 10 * row for row in range(shown)], ticks, color=INK)
        axes.set_ylim(10 * shown, 0)
        axes.set_xlim(0, float(linkage[:, 2].max()) * 1.03 or 1.0)
    thousands(axes, "x")
    only_grid(axes, "x")
    axes.spines["left"].set_color(RULE)
    return figure
