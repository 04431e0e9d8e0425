"""Taxonomies of real titles against the shops' own categories, beside BERTopic on the same vectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median_low
from time import perf_counter
from typing import Any

import numpy as np
from benchmark_quality_cases import Case
from numpy.typing import NDArray

from indexer.catalogue import read_catalogue
from indexer.embedders.text import TextEmbedder
from indexer.indexing import index_products
from indexer.store import open_store
from service.nesting import nested_levels
from service.taxonomy import TaxonomyOptions
from service.vectors import take_vectors

Labels = NDArray[np.int64]
Say = Callable[[str], None]
STRATEGIES = ("embeddings", "c-tf-idf", "distributions")
SEEDS = 3
"""Seeds that each catalogue is clustered under, of whose figures the median is told."""

OWN, REDUCED = "BERTopic, its own number", "BERTopic, as many as we"
LEADS = {OWN: "least lead over BERTopic", REDUCED: "least lead, reduced"}
"""Peer -> the figure that says by how much we are ahead of it at the level where we are least."""


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue with categories in levels.

    Args:
        name: Of the case.
        title: For the reader.
        file: Below the folder of data.
        mapping: Product field or own column -> column of the file.
        path: The column that holds a path "A > B > C"; empty where each level has a column.
        levels: Names of the true levels, the coarsest first; columns where `path` is empty.
    """

    name: str
    title: str
    file: str
    mapping: Mapping[str, str]
    path: str
    levels: tuple[str, ...]


FASHION_LEVELS = ("masterCategory", "subCategory", "articleType")
SOURCES = (
    Source(
        "fashion_taxonomy",
        "Fashion titles, a taxonomy",
        "fashion/styles.csv.gz",
        {"product_id": "id", "title": "title", **{level: level for level in FASHION_LEVELS}},
        "",
        FASHION_LEVELS,
    ),
    Source(
        "toys_taxonomy",
        "Toys, a taxonomy",
        "amazon_toys/amazon_co-ecommerce_sample.csv.gz",
        {"product_id": "uniq_id", "title": "product_name", "path": "amazon_category_and_sub_category"},
        "path",
        ("level 1", "level 2", "level 3"),
    ),
)


def taxonomies(data: Path, work: Path, *, seed: int, say: Say) -> Iterator[Case]:
    """Make a taxonomy of each catalogue, and grade each true level; so BERTopic, where it is installed.

    Args:
        data: The folder of real catalogues.
        work: The stores are kept below it; what they hold unchanged is not embedded again.
        seed: The first of `SEEDS` that follow each other.
        say: Called with a line about each step.
    """
    peers = find_spec("bertopic") is not None
    if not peers:
        say("BERTopic is not installed: pip install bertopic to measure it beside")
    for source in SOURCES:
        say(f"{source.name}: indexing")
        vectors, titles, truth = _rows(source, data, work)
        sizes, runs = [], []
        for each in range(seed, seed + SEEDS):
            say(f"{source.name}: {len(titles):,} titles, seed {each}")
            levels, scores = _run(vectors, titles, truth, each, peers=peers)
            sizes.append(", ".join(f"{len(np.unique(level)):,}" for level in levels))
            runs.append(scores)
        middle = _medians(runs)
        if peers:
            leads = {figure: _least_lead(middle, peer, list(truth)) for peer, figure in LEADS.items()}
            middle["assort"] = {**leads, **middle["assort"]}
        yield Case(source.name, source.title, _protocol(titles, truth, sizes), middle)


def _run(
    vectors: NDArray[np.float32], titles: list[str], truth: Mapping[str, Labels], seed: int, *, peers: bool
) -> tuple[Labels, dict[str, dict[str, float]]]:
    """Make a taxonomy, and BERTopic's topics with `peers`, under one seed: the levels, and the grades of all."""
    asked, started = TaxonomyOptions(seed), perf_counter()
    found = nested_levels(vectors, fewest=asked.fewest, most=asked.most, seed=seed)
    seconds = perf_counter() - started
    ours = {name: _nearest(found.levels, labels) for name, labels in truth.items()}
    scores = {"assort": {**_graded(ours, truth), "levels": len(found.levels), "seconds": seconds}}
    if peers:
        scores |= _peers(titles, vectors, truth, ours, seed)
    return found.levels, scores


def _medians(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Take the median of every figure, the lower of the two in the middle: a count stays one."""
    first = runs[0]
    return {
        name: {figure: median_low([scores[name][figure] for scores in runs]) for figure in first[name]}
        for name in first
    }


def _rows(source: Source, data: Path, work: Path) -> tuple[NDArray[np.float32], list[str], dict[str, Labels]]:
    """Index a catalogue, and give its vectors, titles and true levels; -1 where a product has no category."""
    products = read_catalogue(data / source.file, format="table", mapping=source.mapping)
    columns = (source.path,) if source.path else source.levels
    with open_store(str(work / "store"), source.name, create=True) as store:
        index_products(products, store, TextEmbedder(), text_fields=("title",))
        taken = take_vectors(store, "text", keys=("title", *columns))
    if source.path:
        paths = [str(path or "").split(" > ") for path in taken.columns[source.path]]
        named = {name: [" > ".join(path[: depth + 1]) for path in paths] for depth, name in enumerate(source.levels)}
    else:
        named = {name: [str(value or "") for value in taken.columns[name]] for name in source.levels}
    truth = {name: np.where(np.array(v) == "", -1, np.unique(v, return_inverse=True)[1]) for name, v in named.items()}
    return taken.vectors, [title or "-" for title in taken.columns["title"]], truth


def _nearest(levels: Labels, truth: Labels) -> Labels:
    """Give the level whose number of clusters is nearest to the number of classes, by their ratio."""
    classes = len(np.unique(truth[truth >= 0]))
    return min(levels, key=lambda level: abs(np.log(len(np.unique(level)) / classes)))


def _v(labels: Labels, truth: Labels) -> float:
    from sklearn.metrics import v_measure_score

    known = truth >= 0
    return float(v_measure_score(truth[known], labels[known]))


def _graded(found: Mapping[str, Labels], truth: Mapping[str, Labels]) -> dict[str, float]:
    grades = {f"V, {name}": _v(found[name], labels) for name, labels in truth.items()}
    return grades | {f"clusters, {name}": len(np.unique(found[name])) for name in truth}


def _peers(
    titles: list[str], vectors: NDArray[np.float32], truth: Mapping[str, Labels], ours: Mapping[str, Labels], seed: int
) -> dict[str, dict[str, float]]:
    """Run BERTopic with its own number of topics, and reduced to as many as we have clusters at each level.

    Its outliers are given to topics, no product left out, by that of its strategies that grades best.
    """
    from bertopic import BERTopic
    from umap import UMAP

    started = perf_counter()
    umap = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed)  # its own, but seeded
    model = BERTopic(umap_model=umap, embedding_model=None)
    topics, _ = model.fit_transform(titles, vectors)
    scores = {OWN: _best([_kept(model, titles, vectors, topics)] * len(truth), truth)}
    scores[OWN] |= {
        "outliers": topics.count(-1), "seconds": perf_counter() - started
    }  # fmt: skip
    counts = [len(np.unique(ours[name])) for name in truth]
    reduced = {count: _reduced(model, titles, vectors, topics, count) for count in sorted(set(counts), reverse=True)}
    scores[REDUCED] = _best([reduced[count] for count in counts], truth)
    return scores


def _reduced(
    model: Any, titles: list[str], vectors: NDArray[np.float32], topics: Sequence[int], count: int
) -> list[Labels]:
    """Merge topics to so many, and give out the outliers; the larger numbers first, for a model merges in place."""
    if count < len(set(topics)) - 1:
        model.reduce_topics(titles, nr_topics=count + 1)  # the outliers count as one
        topics = model.topics_
    return _kept(model, titles, vectors, topics)


def _kept(model: Any, titles: list[str], vectors: NDArray[np.float32], topics: Sequence[int]) -> list[Labels]:
    """Give all products topics, by each strategy."""
    if -1 not in topics:
        return [np.array(topics)]
    return [
        np.array(
            model.reduce_outliers(
                titles, list(topics), strategy=strategy, embeddings=vectors if strategy == "embeddings" else None
            )
        )
        for strategy in STRATEGIES
    ]


def _best(found: Sequence[Sequence[Labels]], truth: Mapping[str, Labels]) -> dict[str, float]:
    """Grade each true level by the best of what was found for it."""
    best = {
        name: max(some, key=lambda labels: _v(labels, truth[name])) for name, some in zip(truth, found, strict=True)
    }
    return _graded(best, truth)


def _least_lead(scores: Mapping[str, Mapping[str, float]], peer: str, levels: Sequence[str]) -> float:
    """Say by how much we are ahead of a peer where we are least."""
    return min(scores["assort"][f"V, {name}"] - scores[peer][f"V, {name}"] for name in levels)


def _protocol(titles: Sequence[str], truth: Mapping[str, Labels], sizes: Sequence[str]) -> str:
    classes = ", ".join(f"{name} {len(np.unique(labels[labels >= 0])):,}" for name, labels in truth.items())
    return (
        f"{len(titles):,} titles by MiniLM, 384 numbers each; the categories (classes: {classes}) are only used to "
        f"grade. `assort taxonomy` with its defaults: under {len(sizes)} seeds levels of {' / '.join(sizes)} "
        "clusters, each product in one of each level. A true level is graded against our level whose number of "
        "clusters is nearest. BERTopic on the same vectors and under the same seeds, defaults, its outliers reduced by "
        "whichever of its strategies grades best at that level (which we are not given): once as it comes, once "
        "reduced to as many topics as our level has clusters, where it found more. Medians of the seeds; a lead is one "
        "of medians."
    )
