"""The page of one label: how it came about, its grades, its map, its clusters."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .charts import (
    confusion_chart,
    dendrogram_chart,
    heatmap_chart,
    histogram_chart,
    losses_chart,
    map_chart,
    silhouette_chart,
    sizes_chart,
)
from .charts_counts import per_cent
from .charts_style import cut
from .page import Block, Cell, Chart, Figures, Heading, Table, Text

if TYPE_CHECKING:
    from ..reporting import LabelReport

_GRADES = {
    "calinski_harabasz": "Calinski-Harabasz",
    "davies_bouldin": "Davies-Bouldin",
    "conductance_worst": "worst conductance",
    "fowlkes_mallows": "Fowlkes-Mallows",
    "v_measure": "V-measure",
    "pairwise_f1": "pairwise F1",
    "b_cubed_precision": "B-cubed precision",
    "b_cubed_recall": "B-cubed recall",
    "b_cubed_f1": "B-cubed F1",
    "ari": "adjusted Rand index",
    "ami": "adjusted mutual information",
    "nmi": "normalised mutual information",
}


_FEW = 5


def label_blocks(report: "LabelReport") -> Iterator[Block]:
    """Write what was gathered of a label as blocks, charts and all."""
    yield from _head(report)
    yield from _map(report)
    yield from _clusters(report)
    yield from _silhouettes(report)
    yield from _means(report)
    yield from _truth(report)
    yield from _memberships(report)
    yield from _losses(report)
    yield from _kinship(report)


def label_line(report: "LabelReport") -> str:
    """Say in a line what was found."""
    grading = report.grading
    parts = [f"{grading.label}: {grading.products:,} products in {grading.sizes.clusters:,} clusters"]
    if grading.sizes.noise:
        parts.append(f"{grading.sizes.noise:,} in none")
    if grading.intrinsic.get("silhouette") is not None:
        parts.append(f"silhouette {grading.intrinsic['silhouette']:.3f}")
    if grading.truth.get("v_measure") is not None:
        parts.append(f"V-measure {grading.truth['v_measure']:.3f} against {grading.truth['name']}")
    return ", ".join(parts)


def _head(report: "LabelReport") -> Iterator[Block]:
    grading, run = report.grading, report.origin.run
    found = grading.intrinsic.get("silhouette")
    figures: dict[str, Cell] = {
        "products": grading.products,
        "clusters": grading.sizes.clusters,
        "largest": grading.sizes.largest,
        "of one product": grading.sizes.singletons,
        "without a cluster": grading.sizes.noise,
    }
    if found is not None:
        low, high = grading.intrinsic["silhouette_low"], grading.intrinsic["silhouette_high"]
        figures["silhouette"] = f"{found:.3f}" + (f" ({low:.3f} to {high:.3f})" if low != high else "")
    yield Figures(figures)
    rows: list[Sequence[Cell]] = [("method", grading.method or "not known"), ("on", grading.on)]
    if run is not None:
        asked = run.parameters.get("settings")
        if asked is None:  # a label of `cluster all`, whose run has no method with settings of its own
            asked = {name: value for name, value in run.parameters.items() if name not in ("kinds", "seed")}
        settings = ", ".join(f"{name} = {value}" for name, value in asked.items() if value is not None)
        rows += [
            ("settings", settings or "the defaults"),
            ("seed", str(run.parameters.get("seed", ""))),
            ("noise", str(run.parameters.get("noise", "keep"))),
            ("made", f"{run.started}, by assort {run.version}"),
            ("took", "" if run.seconds is None else f"{run.seconds:,.1f} s"),
        ]
    if grading.unlabelled:
        rows.append(("products without the label", f"{grading.unlabelled:,}"))
    yield Table(("setting", "value"), rows, "How it came about")
    graded: list[Sequence[Cell]] = [
        (_GRADES.get(name, name.replace("_", " ")), value)
        for part in (grading.intrinsic, grading.graph)
        for name, value in part.items()
        if value is not None and not name.startswith("silhouette")
    ]
    if graded:
        yield Table(("grade", "value"), graded, "Grades by the products alone")
    for note in grading.notes:
        yield Text(note[:1].upper() + note[1:] + ".", soft=True)


def _map(report: "LabelReport") -> Iterator[Block]:
    m, shown = len(report.labels), len(report.names)
    title = _of_products(report)
    yield Heading(f"Map by {report.on}")
    if report.on != report.grading.on:
        yield Text(
            f"The grades above are by {report.grading.on}, which the label was made on; the map, silhouettes and "
            f"examples below it are by {report.on}, as asked with --on."
        )
    if m < report.mapped_of:
        yield Text(f"{m:,} of {report.mapped_of:,} products, drawn at random.", soft=True)
    chart = map_chart(report.positions, report.labels, names=report.names, title=title, sizes=_by_number(report))
    alt = f"Map of {m:,} products coloured by cluster. {title}."
    if shown:
        alt += f" Named are {', '.join(list(report.names.values())[:10])}."
    yield Chart(chart, alt, f"{report.grading.label}-map.png")


def _clusters(report: "LabelReport") -> Iterator[Block]:
    sizes = np.array(list(report.sizes.values()), dtype=np.int64)
    if not len(sizes):
        return
    half = int(np.searchsorted(np.cumsum(np.sort(sizes)[::-1]), sizes.sum() / 2)) + 1
    largest = "largest cluster" if half == 1 else f"{half:,} largest clusters"
    title = f"Half of the {sizes.sum():,} products in clusters lie in the {largest}, of {len(sizes):,}"
    yield Heading("Clusters")
    names = [_name(report, cluster) for cluster in report.sizes]
    yield Chart(
        sizes_chart(sizes, title=title, names=names), f"How large clusters are. {title}.",
        f"{report.grading.label}-sizes.png",
    )  # fmt: skip
    rows: list[Sequence[Cell]] = [
        (
            str(each.cluster),
            each.name,
            each.size,
            each.silhouette,
            " · ".join(cut(title, 70) for title in each.examples),
        )
        for each in report.listed
    ]
    caption = f"The {len(rows)} largest clusters" if len(rows) < len(sizes) else "All clusters"
    if any(each.name for each in report.listed):
        yield Table(("number", "name", "products", "silhouette", "most central products"), rows, caption)
    else:
        rows = [(row[0], *row[2:]) for row in rows]
        yield Table(("number", "products", "silhouette", "most central products"), rows, caption)


def _silhouettes(report: "LabelReport") -> Iterator[Block]:
    values = report.silhouettes
    if not len(values):
        return
    outside = per_cent(float((values < 0).mean()))
    title = f"Mean silhouette {values.mean():.2f}; {outside} of those in clusters are nearer to another"
    yield Heading("How well products fit their clusters")
    chart = silhouette_chart(
        values.astype(np.float32), report.scored, names=report.names, title=title, sizes=_by_number(report)
    )
    scored = f"{len(values):,} products were scored, drawn at random" if len(values) < report.mapped_of else ""
    yield Chart(chart, f"Silhouettes by cluster. {title}.", f"{report.grading.label}-silhouettes.png")
    if scored:
        yield Text(f"{scored}.", soft=True)


def _means(report: "LabelReport") -> Iterator[Block]:
    means = report.means
    if means is None:
        return
    row, column = np.unravel_index(np.abs(means.values).argmax(), means.values.shape)
    furthest = means.values[row, column]
    title = (
        f"{_name(report, means.clusters[int(row)])} stands out most: {means.columns[int(column)]} is "
        f"{abs(furthest):.1f} deviations {'above' if furthest > 0 else 'below'} the mean"
    )
    yield Heading("What sets clusters apart")
    columns = [column.replace("=*", "=others") for column in means.columns]
    chart = heatmap_chart(
        means.values, [_name(report, cluster) for cluster in means.clusters], columns=columns, limit=2,
        title=title, note="means of clusters, in standard deviations from the mean of all products",
    )  # fmt: skip
    yield Chart(chart, f"Means of clusters by column. {title}.", f"{report.grading.label}-columns.png")


def _truth(report: "LabelReport") -> Iterator[Block]:
    truth, confusion = report.grading.truth, report.grading.confusion
    if not truth:
        return
    yield Heading(f"Against {truth['name']}")
    rows: list[Sequence[Cell]] = [
        (_GRADES.get(name, name.replace("_", " ")), value) for name, value in truth.items() if isinstance(value, float)
    ]
    if confusion:
        title = f"{report.grading.label} against {truth['name']}: V-measure {truth.get('v_measure', 0):.2f}"
        counts = np.array(confusion["counts"])
        chart = confusion_chart(counts, confusion["rows"], confusion["columns"], title=title)
        alt = f"How the values of {truth['name']} fall upon clusters. {title}."
        yield Chart(chart, alt, f"{report.grading.label}-confusion.png")
    yield Table(("agreement", "value"), rows, f"{truth['products']:,} products that have a value")


def _memberships(report: "LabelReport") -> Iterator[Block]:
    values = report.memberships
    if not len(values):
        return
    unsure = per_cent(float((values < 0.5).mean()))
    title = f"{unsure} of those in clusters belong to theirs with less than one half"
    counts, edges = np.histogram(values, 20, (0, 1))
    yield Heading("How surely products belong")
    chart = histogram_chart(counts, edges, title=title, unit="membership", note="products in clusters")
    yield Chart(chart, f"Histogram of memberships. {title}.", f"{report.grading.label}-memberships.png")


def _losses(report: "LabelReport") -> Iterator[Block]:
    losses = report.results.get("losses") or {}
    if not losses:
        return
    epochs = max(len(values) for values in losses.values())
    title = f"Losses over {epochs:,} epochs"
    if report.results.get("stopped_early"):
        title += ", stopped early"
    yield Heading("Training")
    chart = losses_chart(losses, title=title)
    yield Chart(chart, f"Loss curves of {', '.join(losses)}. {title}.", f"{report.grading.label}-losses.png")


def _kinship(report: "LabelReport") -> Iterator[Block]:
    if report.kinship is None:
        return
    a, b = (report.kin[int(leaf)] for leaf in report.kinship[0, :2])
    title = f"Nearest to each other: {cut(_name(report, a), 30)} and {cut(_name(report, b), 30)}"
    yield Heading("How clusters are related")
    leaves = [_name(report, cluster) for cluster in report.kin]
    chart = dendrogram_chart(report.kinship, leaves=leaves, title=title, by=report.kin_by)
    yield Chart(chart, f"Tree of the clusters, by {report.kin_by}. {title}.", f"{report.grading.label}-tree.png")


def _by_number(report: "LabelReport") -> NDArray[np.int64]:
    """Give the sizes of clusters at their numbers, so that all charts colour them alike."""
    sizes = np.zeros(max(report.sizes, default=-1) + 1, dtype=np.int64)
    sizes[list(report.sizes)] = list(report.sizes.values())
    return sizes


def _of_products(report: "LabelReport") -> str:
    """Say how much of all products the largest clusters hold, and how much is in none."""
    sizes, products = sorted(report.sizes.values(), reverse=True), max(1, report.grading.products)
    few = min(_FEW, len(sizes))
    none = f", {per_cent(report.grading.sizes.noise / products)} are in none" if report.grading.sizes.noise else ""
    if len(sizes) <= few:
        return f"{sum(sizes):,} products in {len(sizes)} cluster{'' if len(sizes) == 1 else 's'}{none}"
    return (
        f"The {few} largest of {len(sizes):,} clusters hold {per_cent(sum(sizes[:few]) / products)} of products{none}"
    )


def _name(report: "LabelReport", cluster: int) -> str:
    return report.names.get(cluster) or f"cluster {cluster}"
