"""The committed page: every method's figures on real catalogues, with targets and whether they are met."""

from collections.abc import Mapping, Sequence

from benchmark_images_table import case_table
from benchmark_quality_cases import Case
from benchmark_quality_table import Target
from benchmark_quality_table import missed as missed_of

DISTRIBUTIONS = (
    "assort", "evoc", "faiss-cpu", "hdbscan", "igraph", "numpy", "scikit-learn", "scipy", "torch", "umap-learn",
)  # fmt: skip

TARGETS: Mapping[tuple[str, str], Target] = {
    ("offers", "seconds"): Target(900, at_most=True),
    ("offers", "memory, GB"): Target(4, at_most=True),
    ("inertia", "inertia / scikit-learn's"): Target(1.01, at_most=True),
    ("fashion_taxonomy", "least lead over BERTopic"): Target(0),
    ("fashion_taxonomy", "least lead, reduced"): Target(0),
    ("toys_taxonomy", "least lead over BERTopic"): Target(0),
    ("toys_taxonomy", "least lead, reduced"): Target(0),
}


def missed(cases: Sequence[Case]) -> list[str]:
    """Name the figures that do not reach their target."""
    return missed_of(cases, TARGETS)


def markdown(cases: Sequence[Case], made_with: Mapping[str, str]) -> str:
    """Write all cases as one page."""
    count = sum(name == case.name for case in cases for name, _ in TARGETS)
    lines = [
        "# Methods of clustering, measured on real catalogues",
        "",
        "Written by `scripts/benchmark_methods.py`; do not edit by hand. The catalogues themselves are no part of this "
        "project. In each table the first row is what targets are about; the others are for comparison. No method sees "
        "a label.",
        "",
        f"{count - len(missed(cases))} of {count} targets met.",
        "",
        "Made with: " + ", ".join(f"{name} {value}" for name, value in made_with.items()) + ".",
    ]
    for case in cases:
        lines += ["", f"## {case.title}", "", case.protocol, "", *case_table(case, TARGETS)]
    return "\n".join(lines) + "\n"
