"""The page of the scale benchmark: goals and what was measured, peers, how time grows, and the setup."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmark_scale_inputs import cores
from benchmark_setup import processor, versions

Row = Mapping[str, Any]
OURS = "assort"
_DISTRIBUTIONS = (
    "assort", "faiss-cpu", "qdrant-edge-py", "numpy", "scipy", "igraph", "leidenalg", "torch", "sentence-transformers",
    "openvino", "model2vec", "scikit-learn", "networkit", "evoc", "networkx", "qdrant-client",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Goal:
    """What a stage should reach at 590,000 products on 2 cores.

    Args:
        stage: Its name.
        text: The goal in words.
        met: Says so of the stage's rows, ours first; None where a figure is missing.
    """

    stage: str
    text: str
    met: Callable[[Row, Mapping[str, Row]], bool | None]


def within(seconds: float, gb: float | None = None, **least: float) -> Callable[[Row, Mapping[str, Row]], bool | None]:
    """Make the check that time and memory stay within bounds and figures reach theirs."""

    def met(ours: Row, peers: Mapping[str, Row]) -> bool | None:
        return (
            ours["seconds"] <= seconds
            and (gb is None or (ours.get("private_gb") or ours["peak_gb"]) <= gb)
            and all(ours[name] >= value for name, value in least.items())
        )

    return met


def as_good_as(peer: str, inertia: float, share: float) -> Callable[[Row, Mapping[str, Row]], bool | None]:
    """Make the check that k-means is as good as a peer's, up to a factor, in a share of its time."""

    def met(ours: Row, peers: Mapping[str, Row]) -> bool | None:
        other = peers.get(peer, {})
        if "inertia" not in other:
            return None
        return bool(ours["inertia"] <= inertia * other["inertia"] and ours["seconds"] <= share * other["seconds"])

    return met


def _leiden(ours: Row, peers: Mapping[str, Row]) -> bool | None:
    best = max([ours["modularity"], *(peer["modularity"] for peer in peers.values() if "modularity" in peer)])
    return bool(ours["seconds"] <= 12 and ours["modularity"] >= best - 0.001)


GOALS = (
    Goal("index", "≤ 110 s, ≤ 3 GB", within(110, 3)),
    Goal("take", "≤ 13 s", within(13)),
    Goal("knn", "≤ 40 s, ≤ 2.6 GB, recall ≥ .97", within(40, 2.6, recall=0.97)),
    Goal(
        "kmeans_1000",
        "inertia ≤ 1.01 x Lloyd-20 in ≤ 1/4 of its time",
        as_good_as("Faiss, Lloyd 20 times", 1.01, 1 / 4),
    ),
    Goal(
        "kmeans_20000",
        "≤ 20 s, inertia below two Lloyd iterations",
        lambda ours, peers: (
            None
            if (good := as_good_as("Faiss, Lloyd twice", 1, 1)(ours, peers)) is None
            else good and ours["seconds"] <= 20
        ),
    ),
    Goal("identity", "≤ 40 s", within(40)),
    Goal("leiden", "≤ 12 s, modularity within .001 of the best", _leiden),
    Goal("complements", "≤ 60 s, or ≤ 20 ms a product", lambda ours, peers: ours["ms a product"] <= 20),
    Goal("labels", "≤ 12 s, after 1 % changed ≤ 3 s", lambda o, p: o["seconds"] <= 12 and o["after a change"] <= 3),
    Goal("cluster", "≤ 180 s, ≤ 5 GB", within(180, 5)),
    Goal("similar", "p95 with a filter ≤ 3 ms", lambda ours, peers: ours["ms with a filter"]["p95"] <= 3),
    Goal("whole_fast", "≤ 9 min", within(9 * 60)),
    Goal("whole_accurate", "≤ 25 min", within(25 * 60)),
)

TITLES = {
    "index": "read, clean, upsert, payload indexes (vectors given)",
    "take": "vectors out of the store, one block",
    "knn": "kNN graph, k = 15",
    "kmeans_1000": "k-means, k = 1,000",
    "kmeans_20000": "k-means, k = 20,000",
    "identity": "identity refinement",
    "leiden": "fuse edges, build the graph, Leiden",
    "complements": "complements of all products",
    "labels": "labels back",
    "cluster": "`cluster all` from stored vectors, without the vector index",
    "similar": "`similar`, with a filter",
    "whole_fast": "whole job, fast tier",
    "whole_accurate": "whole job, accurate tier, titles",
}


def page(rows: Sequence[Row], made_with: Mapping[str, str], notes: Path, picture: str) -> str:
    """Write the page."""
    most = max(row["products"] for row in rows)
    large = [row for row in rows if row["products"] == most]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `scripts/benchmark_scale.py` at {most:,} products; goals are set for 590,000 on 2 cores.",
        "Seconds are wall-clock, each contender in a process of its own; peak memory counts what the process loaded",
        "before, too: all that was resident, and after the stroke what of it the system cannot take back (the rest is",
        "pages of the store's files). Goals are about the latter.",
        "",
        "## Stages",
        "",
        "| stage | goal | seconds | peak GB | met | besides |",
        "|---|---|---:|---:|---|---|",
        *(_stage_line(goal, large) for goal in GOALS),
        "",
        "## Beside other libraries, in the same run",
        "",
        "| stage | contender | seconds | ratio | peak GB | besides |",
        "|---|---|---:|---:|---:|---|",
        *_peer_lines(large),
        "",
        *_scaling(rows, picture),
        "## Setup",
        "",
        *(f"- {name}: {value}" for name, value in made_with.items()),
    ]
    if notes.exists():
        lines += ["", notes.read_text(encoding="utf-8").strip()]
    return "\n".join(lines) + "\n"


def _of(rows: Sequence[Row], stage: str) -> tuple[Row | None, dict[str, Row]]:
    found = {row["contender"]: row for row in rows if row["stage"] == stage}
    return found.pop(OURS, None), found


def _stage_line(goal: Goal, rows: Sequence[Row]) -> str:
    ours, peers = _of(rows, goal.stage)
    if ours is None or "failed" in ours:
        said = "not run" if ours is None else ours["failed"]
        return f"| {TITLES[goal.stage]} | {goal.text} | {said} | | | |"
    met = goal.met(ours, peers)
    answer = {True: "yes", False: "**no**", None: "?"}[met]
    cells = (TITLES[goal.stage], goal.text, _seconds(ours), _memory(ours), answer, _besides(ours))
    return f"| {' | '.join(cells)} |"


def _peer_lines(rows: Sequence[Row]) -> Iterator[str]:
    for stage, title in TITLES.items():
        ours, peers = _of(rows, stage)
        if ours is None or not peers or "failed" in ours:
            continue
        for name, row in ((OURS, ours), *peers.items()):
            if "failed" in row:
                yield f"| {title} | {name} | {row['failed']} | | | |"
                continue
            comparable = row["seconds"] and ours["seconds"]
            ratio = f"{row['seconds'] / ours['seconds']:.2f}" if comparable else ""
            yield f"| {title} | {name} | {_seconds(row)} | {ratio} | {_memory(row)} | {_besides(row)} |"


def _seconds(row: Row) -> str:
    if row["seconds"] is None:
        return ""
    return f"{row['seconds']:.3f}" if row["seconds"] < 1 else f"{row['seconds']:.1f}"


def _memory(row: Row) -> str:
    private = row.get("private_gb")
    return f"{row['peak_gb']:.1f}" + (f" / {private:.1f}" if private else "")


def _besides(row: Row) -> str:
    plain = ("stage", "contender", "products", "seconds", "peak_gb", "private_gb", "all_seconds", "k")
    return ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if name not in plain)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_shown(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def growth(rows: Sequence[Row]) -> dict[str, dict[int, float]]:
    """Give milliseconds a product by stage and size, for the stages run at several sizes."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if row["contender"] == OURS and row.get("seconds") and row["stage"] in TITLES:
            found.setdefault(row["stage"], {})[row["products"]] = 1000 * row["seconds"] / row["products"]
    return {stage: dict(sorted(sizes.items())) for stage, sizes in found.items() if len(sizes) > 1}


def _scaling(rows: Sequence[Row], picture: str) -> Iterator[str]:
    grown = growth(rows)
    if not grown:
        return
    sizes = sorted({size for by_size in grown.values() for size in by_size})
    yield from ("## How time grows", "", f"![Time per product by catalogue size]({picture})", "")
    yield f"| ms a product | {' | '.join(f'{size:,}' for size in sizes)} | largest to smallest |"
    yield "|---|" + "---:|" * (len(sizes) + 1)
    for stage, by_size in grown.items():
        cells = [f"{by_size[size]:.3f}" if size in by_size else "" for size in sizes]
        values = list(by_size.values())
        yield f"| {TITLES[stage]} | {' | '.join(cells)} | {values[-1] / values[0]:.2f} |"
    yield ""


def plot(rows: Sequence[Row], picture: Path) -> None:
    """Draw milliseconds a product over size; nothing where there is one size only."""
    grown = growth(rows)
    if not grown:
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for stage, by_size in grown.items():
        axes.plot(list(by_size), list(by_size.values()), marker="o", label=TITLES[stage].replace("`", ""))
    sizes = sorted({size for by_size in grown.values() for size in by_size})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("products")
    axes.set_ylabel("milliseconds a product")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)


def setup(seed: int, vectors: str) -> dict[str, str]:
    """Say what the figures were made with."""
    return {
        "date": date.today().isoformat(),
        "processor": f"{processor()}, {cores()} to use",
        "python": platform.python_version(),
        "catalogue": f"invented, seed {seed}, vectors {vectors}",
        "versions": ", ".join(f"{name} {found}" for name, found in versions(_DISTRIBUTIONS).items()),
    }
