#!/usr/bin/env python3
"""Measure what picture vectors know of real catalogues, beside textbook descriptors.

Embeds the photos of the fashion catalogue with visual words learned from some of them, asks whether a photo's nearest
neighbours share its article type and its colour, by picture and fused with its title, finds the other rendition of
car logos, prints all figures as JSON and writes them as a page.

    pip install -e '.[cpu,offline]'
    scripts/benchmark_images.py
"""

import argparse
import gzip
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
from benchmark_images_baselines import baselines
from benchmark_images_fused import fashion_fused, logos
from benchmark_images_table import DISTRIBUTIONS, markdown, missed
from benchmark_quality_cases import Case
from benchmark_setup import setup
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from indexer.embedders.visual_words import fit_visual_words
from indexer.images import read_picture

ROOT = Path(__file__).resolve().parents[1]
K = 5  # neighbours
LEARNED_FROM = 3000  # pictures, as `assort index` takes
_BLOCK = 1000  # rows compared with all at a time
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the catalogues are, and how they are measured.

    Args:
        data: The folder of real catalogues.
        seed: Of what is learned, and of the sample it is learned from.
        say: Called with a line about each step.
    """

    data: Path
    seed: int
    say: Callable[[str], None]


def fashion_words(bench: Bench) -> Iterator[Case]:
    """Visual words on fashion photos, against gradients alone and colours alone."""
    folder = bench.data / "fashion"
    with gzip.open(folder / "styles.csv.gz", "rt", encoding="utf-8") as text:
        styles = pd.read_csv(text, dtype=str, keep_default_na=False).drop_duplicates("id").set_index("id")
    files = sorted((folder / "images").glob("*.jpg"), key=lambda file: int(file.stem))
    files = [file for file in files if file.stem in styles.index]
    truths = {
        name: styles.loc[[file.stem for file in files], name].to_numpy() for name in ("articleType", "baseColour")
    }
    faiss.omp_set_num_threads(1)
    with threadpool_limits(1):
        vectors, costs = _visual_words(files, bench)
    bench.say("baselines")
    others = baselines(map(read_picture, files))
    yield Case(
        "fashion_words",
        "Fashion, visual words",
        f"{len(files):,} photos. Visual words are learned from {LEARNED_FROM:,} of them without any label, then all "
        f"are embedded. For each photo: the share of its {K} nearest others by cosine that have its label, averaged. "
        "HOG: 9 directions, 8 x 8 cells of 8 pixels, 2 x 2 blocks. HSV histogram: 8 x 8 x 8 bins, square roots. "
        "Pictures a second do not count reading files, seconds to learn do; memory is the most that the process held.",
        {
            "visual words": {**_agreements(vectors, truths), **costs},
            **{name: _agreements(rows, truths) for name, rows in others.items()},
        },
    )


CASES: Mapping[str, Callable[[Bench], Iterator[Case]]] = {
    "fashion_words": fashion_words,
    "fashion_fused": lambda bench: iter([fashion_fused(bench.data, bench.seed)]),
    "logos": lambda bench: iter([logos(bench.data, bench.seed)]),
}


def _visual_words(files: Sequence[Path], bench: Bench) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Learn and embed in one thread, and say what it took."""
    chosen = np.sort(np.random.default_rng(bench.seed).permutation(len(files))[:LEARNED_FROM])
    bench.say(f"learning visual words from {len(chosen):,} photos")
    started = time.perf_counter()
    words = fit_visual_words((read_picture(files[i]) for i in chosen), seed=bench.seed)
    learned, embedding, vectors = time.perf_counter() - started, 0.0, []
    bench.say(f"embedding {len(files):,} photos")
    for batch in _batches(map(read_picture, files)):
        started = time.perf_counter()
        vectors.append(words.embed(batch))
        embedding += time.perf_counter() - started
    costs: dict[str, float] = {
        "dimensions": words.dim,
        "seconds to learn": round(learned),
        "pictures/s, one thread": round(len(files) / embedding),
        "memory, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return np.concatenate(vectors), costs


def _batches(pictures: Iterable[Image.Image]) -> Iterator[list[Image.Image]]:
    batch: list[Image.Image] = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _agreements(vectors: NDArray[np.float32], truths: Mapping[str, NDArray[np.object_]]) -> dict[str, float]:
    nearest = neighbours(vectors, K)
    return {name: float((truth[nearest] == truth[:, None]).mean()) for name, truth in truths.items()}


def neighbours(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Find the k nearest other rows of each by cosine, int64 (n, k), in no order."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    found = []
    for start in range(0, len(unit), _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        found.append(np.argpartition(-cosines, k - 1, axis=1)[:, :k])
    return np.concatenate(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases asked for; 0 when all ran, 1 when they could not."""
    asked = options().parse_args(arguments)
    if not asked.data.is_dir():
        say(f"there are no catalogues at '{asked.data}': say with --data where they are")
        return 1
    bench = Bench(asked.data, asked.seed, say)
    cases = [case for name in asked.only or CASES for case in CASES[name](bench)]
    made_with = setup(asked.seed, DISTRIBUTIONS)
    if not asked.only:
        notes = asked.notes.read_text(encoding="utf-8") if asked.notes.exists() else ""
        asked.table.write_text(markdown(cases, made_with) + notes, encoding="utf-8")
        say(f"wrote {asked.table}")
    figures = json.dumps({"setup": made_with, "cases": [asdict(case) for case in cases]}, indent=2)
    if asked.json:
        asked.json.write_text(figures + "\n", encoding="utf-8")
    else:
        print(figures)
    for miss in missed(cases):
        say(f"missed: {miss}")
    return 0


def options() -> argparse.ArgumentParser:
    """Declare the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of catalogues")
    parser.add_argument("--only", nargs="+", choices=CASES, help="run these cases and write no page")
    parser.add_argument("--seed", type=int, default=0, help="of what is learned (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, not to stdout")
    parser.add_argument("--table", type=Path, metavar="FILE", default=ROOT / "docs" / "images.md", help="the page")
    parser.add_argument("--notes", type=Path, default=ROOT / "docs" / "images_notes.md", help="text that ends the page")
    return parser


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
