#!/usr/bin/env python3
"""Measure each embedding tier beside sentence-transformers: texts a second, and what the speed costs in quality.

All tiers embed the same texts in turn, round after round, in one process; the figures are medians. Quality is measured
on catalogues with known categories: do a text's ten nearest still lie in its category, and does k-means still find the
same clusters? Prints a table; --json writes all figures.

    scripts/benchmark_embedding.py --texts 5000
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from clustering.kmeans import kmeans
from indexer.catalogue import CatalogueError, read_catalogue
from indexer.embedders.models import DEFAULT_MODEL, ModelUnavailable, load_model
from indexer.embedders.text import TextEmbedder, embedding_text
from indexer.embedders.tiers import SPEEDS, with_speed
from indexer.products import Product

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ORIGINAL = "sentence-transformers"
NEIGHBOURS, SEED = 10, 0
Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts and the category of each; no categories where none are known."""

    texts: list[str]
    categories: list[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way to embed does on one catalogue, beside sentence-transformers.

    Args:
        per_second: Texts embedded a second, median over rounds; `ratio` of it.
        cosine: Mean cosine of the vectors; None in another space.
        overlap: Share of the ten nearest that are the same.
        category: Share of the ten nearest that are in a text's category; None where none are known.
        ari: Agreement of k-means' clusters, adjusted Rand index; `nmi`, normalised mutual information.
    """

    per_second: float
    ratio: float
    cosine: float | None
    overlap: float
    category: float | None
    ari: float
    nmi: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for; exit code 1 when it could not be."""
    asked = options().parse_args(arguments)
    try:
        catalogues = {name: read(asked.data, asked.texts) for name, read in CATALOGUES.items()}
        ways = ways_to_embed(asked.model)
    except (CatalogueError, ModelUnavailable, OSError) as error:
        sys.exit(str(error))
    figures = {}
    for name, labelled in catalogues.items():
        seconds = interleaved(ways, labelled.texts[: asked.timed], asked.rounds)
        figures[name] = quality(ways, labelled, seconds, min(asked.timed, len(labelled.texts)))
    if asked.json:
        asked.json.write_text(json.dumps({"model": asked.model, "figures": figures}, default=asdict, indent=2) + "\n")
    print(markdown(figures))


def pricerunner(data: Path, most: int) -> Labelled:
    """Read shop offers of ten categories: titles of about 17 tokens."""
    mapping = {"product_id": "1", "title": "2", "kind": "7"}
    file = data / "pricerunner" / "pricerunner_aggregate.csv.gz"
    products = spread(read_catalogue(file, format="table", header=False, mapping=mapping), most)
    return Labelled([product.title for product in products], [str(product.fields["kind"]) for product in products])


def toys(data: Path, most: int) -> Labelled:
    """Read toys and the first two steps of their category paths: titles of about 15 tokens."""
    products = spread(read_catalogue(data / "amazon_toys" / "amazon_co-ecommerce_sample.csv.gz"), most)
    products = [product for product in products if product.categories]
    return Labelled([one.title for one in products], [" > ".join(one.categories[:2]) for one in products])


def described(data: Path, most: int) -> Labelled:
    """Read two shops' electronics with title and description, about 80 tokens; nothing is known of their categories."""
    mapping = {"product_id": "id", "title": "name", "description": "description"}
    files = [data / "abt_buy" / f"{shop}.csv" for shop in ("Abt", "Buy")]
    tables = [read_catalogue(file, format="table", mapping=mapping, encoding="latin-1") for file in files]
    products = [product for table in tables for product in spread(table, most // 2) if product.description]
    return Labelled([embedding_text(product, ("title", "description")) for product in products], [])


def spread(records: Iterable[object], most: int) -> list[Product]:
    """Take so many products, evenly from all over the catalogue."""
    products = [record for record in records if isinstance(record, Product)]
    return products[:: max(1, len(products) // most)][:most]


CATALOGUES: Mapping[str, Callable[[Path, int], Labelled]] = {
    "titles, PriceRunner": pricerunner,
    "titles, toys": toys,
    "title and description, Abt-Buy": described,
}


def ways_to_embed(model: str) -> dict[str, Embed]:
    """Give sentence-transformers with its default batching in float32, and each tier."""
    original, _ = load_model(model)
    ways: dict[str, Embed] = {ORIGINAL: lambda texts: original.encode(list(texts), normalize_embeddings=True)}
    for speed in SPEEDS:
        embedder = TextEmbedder(with_speed(model, speed), on_load=lambda said: print(said, file=sys.stderr))
        ways[speed] = embedder.embed
    return ways


def interleaved(ways: Mapping[str, Embed], texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Time each way in turn, after a round to warm up; gives each way's median seconds for all texts."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, embed in ways.items():
            started = time.perf_counter()
            embed(texts)
            if turn:
                seconds[way].append(time.perf_counter() - started)
    return {way: float(np.median(all_rounds)) for way, all_rounds in seconds.items()}


def quality(
    ways: Mapping[str, Embed], labelled: Labelled, seconds: Mapping[str, float], timed: int
) -> dict[str, Figures]:
    """Compare every way's vectors with the original's."""
    vectors = {way: np.ascontiguousarray(embed(labelled.texts), dtype=np.float32) for way, embed in ways.items()}
    k = len(set(labelled.categories)) or 20
    near = {way: nearest(rows) for way, rows in vectors.items()}
    labels = {way: kmeans(rows, k, seed=SEED).labels for way, rows in vectors.items()}
    kinds = np.asarray(labelled.categories)
    return {
        way: Figures(
            per_second=timed / seconds[way],
            ratio=seconds[ORIGINAL] / seconds[way],
            cosine=None if way == "fast" else float(np.einsum("ij,ij->i", vectors[way], vectors[ORIGINAL]).mean()),
            overlap=float((near[way][:, :, None] == near[ORIGINAL][:, None, :]).any(axis=2).mean()),
            category=float((kinds[near[way]] == kinds[:, None]).mean()) if len(kinds) else None,
            ari=float(adjusted_rand_score(labels[ORIGINAL], labels[way])),
            nmi=float(normalized_mutual_info_score(labels[ORIGINAL], labels[way])),
        )
        for way in ways
    }


def nearest(vectors: Vectors) -> NDArray[np.int64]:
    """Find each row's ten nearest others, all of them compared."""
    found = []
    for start in range(0, len(vectors), 1000):
        cosines = vectors[start : start + 1000] @ vectors.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        found.append(np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS])
    return np.concatenate(found)


def markdown(figures: Mapping[str, Mapping[str, Figures]]) -> str:
    """Lay the figures out, a row for each way on each catalogue."""
    lines = ["| texts | tier | texts/s | ratio | cosine | overlap@10 | category@10 | ARI | NMI |", "| --- " * 9 + "|"]
    for name, rows in figures.items():
        for way, row in rows.items():
            figure = [f"{row.per_second:,.0f}", f"{row.ratio:.1f}"]
            shares = (row.cosine, row.overlap, row.category, row.ari, row.nmi)
            figure += ["-" if share is None else f"{share:.4f}" for share in shares]
            lines.append(f"| {name} | {way} | {' | '.join(figure)} |")
    return "\n".join(lines)


def options() -> argparse.ArgumentParser:
    """Declare the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of catalogues")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name on the hub, or a folder")
    parser.add_argument("--texts", type=int, default=5000, help="most texts of a catalogue, for quality")
    parser.add_argument("--timed", type=int, default=1000, help="of them, those embedded each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds timed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser


if __name__ == "__main__":
    main()
