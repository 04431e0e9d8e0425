#!/usr/bin/env python3
"""Invent a catalogue as large as you like, and vectors for it, to see how this project copes with size.

The catalogue is `assort sample`'s, streamed to disk: phones and accessories, links that follow popularity (a power law)
within families of products, hubs, products nobody has bought, dirty lines. Vectors may lie beside it, one row a product
of truth.csv, and the keys of their texts. --vectors drawn scatters them around the embeddings of real wordings, nearer
the closer two products are related, so that clustering can be measured at sizes whose embedding would take hours;
--vectors embedded embeds the titles and descriptions themselves at --speed.

    scripts/make_big_catalogue.py /tmp/big --products 590000 --seed 1
"""

import argparse
import csv
import hashlib
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.catalogue import read_catalogue
from indexer.embedders.text import ModelUnavailable, TextEmbedder, embedding_text
from indexer.embedders.tiers import SPEEDS, with_speed
from indexer.indexing import DEFAULT_TEXT_FIELDS
from indexer.products import Product
from indexer.sample import write_sample

VECTORS, KEYS = "vectors.npy", "texts.npy"
ROWS = 8192
CENTRES = 4096
# How far a product's vector follows each circle it belongs to, from its shelf to its own wording.
PULLS = {"shelf": 1.0, "variant_group": 0.6, "identity": 0.3, "offer": 0.15}
SHELF = 16
"""Variant groups numbered in a row that count as neighbours: they are for one phone or its siblings."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; 0 when all are there, 1 when they could not be made."""
    asked = options().parse_args(arguments)
    embedder = TextEmbedder(
        with_speed(asked.text_model, asked.speed), on_load=lambda note: print(note, file=sys.stderr)
    )
    try:
        with tqdm(total=asked.products, desc="products", unit="", disable=not sys.stderr.isatty()) as bar:
            written = write_sample(asked.folder, products=asked.products, seed=asked.seed, progress=bar.update)
        if asked.vectors != "none":
            drawn = asked.vectors == "drawn"
            write_vectors(asked.folder, written.catalogue, written.truth, embedder, asked.seed, drawn)
    except (ModelUnavailable, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{written.products:,} products in {written.lines:,} lines: {written.catalogue}")
    return 0


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where catalogue.jsonl.gz, truth.csv and vectors.npy go")
    parser.add_argument("--products", type=int, default=590_000, help="default: 590,000, as in Amazon's phones of 2018")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vectors", choices=["none", "drawn", "embedded"], default="none", help="default: none")
    parser.add_argument("--text-model", default=TextEmbedder().name)
    parser.add_argument("--speed", choices=SPEEDS, default="fast", help="of embedding; default: fast")
    return parser


def texts(catalogue: Path) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each product, as indexing would embed it; of duplicates, all."""
    for record in read_catalogue(catalogue):
        if isinstance(record, Product) and (text := embedding_text(record, DEFAULT_TEXT_FIELDS)):
            yield record.product_id, text


def text_key(text: str) -> int:
    """Give the number under which a text's vector is found."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def write_vectors(folder: Path, catalogue: Path, truth: Path, embedder: TextEmbedder, seed: int, drawn: bool) -> None:
    """Write vectors.npy, and of each text in the catalogue its key and the row of its vector."""
    with truth.open(newline="") as file:
        products = [
            (row["product_id"], int(row["variant_group"]), int(row["identity"])) for row in csv.DictReader(file)
        ]
    row_of = {product_id: row for row, (product_id, _, _) in enumerate(products)}
    keys: list[tuple[int, int]] = []
    vectors = np.lib.format.open_memmap(
        folder / VECTORS, mode="w+", dtype=np.float32, shape=(len(products), embedder.dim)
    )
    if drawn:
        centres = embedder.embed([text for _, text in islice(texts(catalogue), CENTRES)])
        circles = np.array([numbers for _, *numbers in products], dtype=np.int64)
        for start in range(0, len(products), ROWS):
            offers = np.arange(start, min(start + ROWS, len(products)))
            vectors[offers] = draw(centres, circles[offers, 0], circles[offers, 1], offers, seed)
    pairs = texts(catalogue)
    with tqdm(total=len(products), desc="vectors", unit="", disable=not sys.stderr.isatty()) as bar:
        while batch := list(islice(pairs, ROWS)):
            rows = [row_of[product_id] for product_id, _ in batch]
            keys += [(text_key(text), row) for (_, text), row in zip(batch, rows, strict=True)]
            if not drawn:
                vectors[rows] = embedder.embed([text for _, text in batch])
            bar.update(len(batch))
    vectors.flush()
    np.save(folder / KEYS, np.array(keys, dtype=np.uint64))


def draw(
    centres: NDArray[np.float32],
    variant_groups: NDArray[np.int64],
    identities: NDArray[np.int64],
    offers: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float32]:
    """Sum, for each circle a product belongs to, the real embedding that stands for the circle.

    Args:
        centres: float32 (c, dim), embeddings of real wordings.
        variant_groups: int64 (n,).
        identities: int64 (n,).
        offers: int64 (n,), a number of its own for each product.
        seed: Another seed, another choice of embeddings.

    Returns:
        float32 (n, dim), rows of length 1, spread in the directions in which real embeddings are.
    """
    spread = centres - centres.mean(axis=0)
    spread /= np.maximum(np.linalg.norm(spread, axis=1, keepdims=True), 1e-9)
    shelves = variant_groups // SHELF
    vectors = centres.mean(axis=0) + np.zeros((len(offers), 1), np.float32)
    for (circle, pull), numbers in zip(PULLS.items(), (shelves, variant_groups, identities, offers), strict=True):
        # A mixture of two embeddings: there are more circles than embeddings, and no two may share a place.
        first, second = (scattered(numbers, f"{seed} {circle} {which}") for which in (1, 2))
        vectors += np.float32(pull) * (spread[first % len(spread)] + spread[second % len(spread)]) / np.float32(2**0.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, dtype=np.float32)


def scattered(numbers: NDArray[np.int64], salt: str) -> NDArray[np.int64]:
    """Give each number another one that looks like chance and is always the same: SplitMix64 (Steele et al., 2014)."""
    salted = np.random.default_rng(list(salt.encode())).integers(2**63, dtype=np.uint64)
    z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + salted
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


if __name__ == "__main__":
    sys.exit(main())
