"""The committed page: each figure of pictures with its target, whether it is met, and the baselines beside it."""

from collections.abc import Iterator, Mapping, Sequence

from benchmark_quality_cases import Case
from benchmark_quality_table import Target, shown
from benchmark_quality_table import missed as missed_of

DISTRIBUTIONS = ("assort", "faiss-cpu", "numpy", "pillow", "scikit-learn", "scipy", "torch", "transformers")

TARGETS: Mapping[tuple[str, str], Target] = {
    ("fashion_words", "articleType"): Target(0.82),
    ("fashion_words", "baseColour"): Target(0.53),
    ("fashion_words", "pictures/s, one thread"): Target(100),
    ("fashion_fused", "above the better one alone"): Target(0.001),
}


def missed(cases: Sequence[Case]) -> list[str]:
    """Name the figures that do not reach their target."""
    return missed_of(cases, TARGETS)


def markdown(cases: Sequence[Case], made_with: Mapping[str, str]) -> str:
    """Write all cases as one page."""
    count = sum(name == case.name for case in cases for name, _ in TARGETS)
    lines = [
        "# Pictures, measured on real catalogues",
        "",
        "Written by `scripts/benchmark_images.py`; do not edit by hand. The catalogues themselves are no part of this "
        "project. In each table the first row is what targets are about; the others are for comparison.",
        "",
        "How far to trust them: no method sees a label, but the settings of visual words, the weight of colours above "
        "all, were chosen with sight of these figures. Nothing was held out.",
        "",
        f"{count - len(missed(cases))} of {count} targets met.",
        "",
        "Made with: " + ", ".join(f"{name} {value}" for name, value in made_with.items()) + ".",
    ]
    for case in cases:
        lines += ["", f"## {case.title}", "", case.protocol, "", *case_table(case, TARGETS)]
    return "\n".join(lines) + "\n"


def case_table(case: Case, targets_of: Mapping[tuple[str, str], Target]) -> Iterator[str]:
    """Write one case as a table: a row a method, a column a figure, targets and whether they are met at the end."""
    main, *_ = case.scores.values()
    figures = list(dict.fromkeys(figure for scores in case.scores.values() for figure in scores))
    targets = {figure: target for figure in figures if (target := targets_of.get((case.name, figure)))}
    yield _row(["method", *figures])
    yield _row(["---", *("---:" for _ in figures)])
    for method, scores in case.scores.items():
        yield _row([method, *(shown(scores[figure]) if figure in scores else "" for figure in figures)])
    if targets:
        yield _row(["target", *(str(targets.get(figure, "")) for figure in figures)])
        met = {figure: "yes" if target.met(main[figure]) else "**no**" for figure, target in targets.items()}
        yield _row(["met", *(met.get(figure, "") for figure in figures)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
