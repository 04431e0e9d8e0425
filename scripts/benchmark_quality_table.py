"""The committed table: each figure with its target, whether it is met, and the baselines beside it."""

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from benchmark_quality_cases import Case
from benchmark_setup import processor, versions

_DISTRIBUTIONS = (
    "assort", "faiss-cpu", "qdrant-edge-py", "sentence-transformers", "torch", "leidenalg", "igraph", "numpy",
    "scikit-learn", "umap-learn", "hdbscan", "networkx",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach.

    Args:
        limit: The least it may be, or the most.
        at_most: Whether smaller is better.
    """

    limit: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        """Say whether a value reaches the target."""
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {shown(self.limit)}"


TARGETS: Mapping[tuple[str, str], Target] = {
    ("pricerunner_titles", "F1"): Target(0.62),
    ("pricerunner_titles", "B-cubed F1"): Target(0.81),
    ("pricerunner_sources", "F1"): Target(0.72),
    ("pricerunner_sources", "B-cubed F1"): Target(0.85),
    ("abt_buy", "F1"): Target(0.87),
    ("beauty_ranking", "recall@10"): Target(0.57),
    ("beauty_complementary", "hidden pairs inside one cluster"): Target(0.72),
    ("beauty_complementary", "random pairs inside one cluster"): Target(0.025, at_most=True),
    ("beauty_complementary", "products left out"): Target(0, at_most=True),
}


def setup(model: str, seed: int) -> dict[str, str]:
    """Say what the figures were made with."""
    return {
        "date": date.today().isoformat(),
        "cpu": processor(),
        "python": platform.python_version(),
        "model": model,
        "seed": str(seed),
        **versions(_DISTRIBUTIONS),
    }


def missed(cases: Sequence[Case], targets: Mapping[tuple[str, str], Target] = TARGETS) -> list[str]:
    """Name the figures that do not reach their target."""
    return [
        f"{case.name}: {figure} is {shown(value)}, target {target}"
        for case in cases
        for figure, value in next(iter(case.scores.values())).items()
        if (target := targets.get((case.name, figure))) and not target.met(value)
    ]


def markdown(cases: Sequence[Case], made_with: Mapping[str, str]) -> str:
    """Write all cases as one page."""
    targets = sum(name == case.name for case in cases for name, _ in TARGETS)
    lines = [
        "# Quality, measured on real catalogues",
        "",
        "Written by `scripts/benchmark_quality.py`; do not edit by hand. Each catalogue went the product's own way: "
        "read, embedded and stored, clustered with the defaults, labels and answers read back from the store, then "
        "graded. The catalogues themselves are no part of this project. In each table the first column of figures is "
        "what the target is about; the columns after it are for comparison, made from the same vectors and links.",
        "",
        "How far to trust them: no method sees a label, but the weights of `identity` were chosen with sight of "
        "PriceRunner, Abt-Buy and fashion titles, and the parameters of complements with sight of Beauty's hidden "
        "pairs (another split, seed 11, gave a recall@10 of .571). Nothing was held out.",
        "",
        f"{targets - len(missed(cases))} of {targets} targets met.",
        "",
        "Made with: " + ", ".join(f"{name} {value}" for name, value in made_with.items()) + ".",
    ]
    for case in cases:
        lines += ["", f"## {case.title}", "", case.protocol, "", *_rows(case)]
    return "\n".join(lines) + "\n"


def _rows(case: Case) -> Iterator[str]:
    """Write one case as a table: a row a figure, a column a method."""
    (main, *_), figures = case.scores, dict.fromkeys(name for scores in case.scores.values() for name in scores)
    targets = {name: target for name in figures if (target := TARGETS.get((case.name, name)))}
    heads = ["figure", *(("target", "met") if targets else ()), *case.scores]
    yield _row(heads)
    yield _row(["---", *("---:" for _ in heads[1:])])
    for name in figures:
        values = [scores.get(name) for scores in case.scores.values()]
        cells = [name]
        if targets:
            target, value = targets.get(name), case.scores[main].get(name)
            met = "" if target is None or value is None else "yes" if target.met(value) else "**no**"
            cells += [str(target or ""), met]
        yield _row([*cells, *("" if value is None else shown(value) for value in values)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def shown(value: float) -> str:
    """Write a count with separators, a share without its leading zero, and a small share with more digits."""
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    digits = 3 if size >= 0.1 or size == 0 else 4 if size >= 0.01 else 5
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")
