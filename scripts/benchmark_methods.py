#!/usr/bin/env python3
"""Measure every method of clustering on real catalogues, through the commands a user would give.

Audio features of tracks against genres, plays of listeners, titles of fashion and toys as nested taxonomies beside
BERTopic's, offers of shops through choose-k and compare within a limit of time and memory, and k-means against
scikit-learn's best of ten. Prints all figures as JSON and writes them as a page.

    pip install -e '.[cpu,offline]'
    scripts/benchmark_methods.py --cases music,offers
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_methods_table import DISTRIBUTIONS, markdown, missed
from benchmark_methods_taxonomy import taxonomies
from benchmark_quality_cases import Case
from benchmark_setup import setup
from numpy.typing import NDArray

from indexer.store import open_store
from service.vectors import take_vectors

ROOT = Path(__file__).resolve().parents[1]
AUDIO = "acousticness,danceability,energy,instrumentalness,liveness,loadness,speechiness,tempo,valence"
GENRES = 112
FIGURES = ("clusters", "noise", "seconds", "memory_mb", "silhouette", "ari", "ami", "v_measure")
WHOLE = ("clusters", "noise", "memory_mb")
BY_COUNT = ("kmeans", "minibatch-kmeans", "umap+kmeans", "agglomerative", "gmm", "depict")
BY_DENSITY = ("hdbscan", "umap+hdbscan", "evoc", "dbscan", "leiden")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the catalogues are, and how they are measured.

    Args:
        data: The folder of real catalogues.
        work: Folder of the stores; what they hold unchanged is not embedded again.
        seed: Of every command.
        say: Called with a line about each step.
    """

    data: Path
    work: Path
    seed: int
    say: Callable[[str], None]

    def assort(self, *arguments: str) -> "Answer":
        """Give a command of `assort` in a process of its own, as a user would."""
        self.say(f"assort {' '.join(arguments)}")
        started = time.perf_counter()
        environment = {**os.environ, "ASSORT_STORE": str(self.work / "store")}
        command = [str(Path(sys.executable).with_name("assort")), *arguments, "--json", "--quiet"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        return Answer(json.loads(done.stdout), time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and in how many seconds."""

    said: Any
    seconds: float


def music(bench: Bench) -> Iterator[Case]:
    """Every method on the audio features of tracks, against their genres."""
    source = str(bench.data / "music" / "tracks.csv.gz")
    bench.assort(
        "index", source, "--format", "table", "--id", "id", "--map", "title=name", "--map", "genre=genre",
        "--numeric", AUDIO, "--speed", "fast", "--collection", "tracks",
    )  # fmt: skip
    compared = bench.assort(
        "compare", *BY_COUNT, *BY_DENSITY, "--on", "features", "--k", str(GENRES), "--truth", "genre",
        "--set", "gmm.covariance=diag", "--seed", str(bench.seed), "--collection", "tracks",
    )  # fmt: skip
    yield Case(
        "music",
        "Tracks, nine audio features against genres",
        f"10,963 tracks of {GENRES} genres, which audio features tell apart but poorly. Methods that take a number get "
        f"{GENRES}; the others find theirs with their defaults. Noise counts as single tracks in ARI, AMI and V, "
        "which flatters V. "
        "Seconds of the fit alone; memory is the most its process held, libraries and all.",
        _rows(compared.said),
    )


def listens(bench: Bench) -> Iterator[Case]:
    """Plays of listeners made into a vector an artist: do neighbours share listeners?"""
    plays = bench.work / "plays.tsv"
    with gzip.open(bench.data / "music" / "lastfm_user_artists.dat.gz", "rt", encoding="utf-8") as lines:
        plays.write_text("".join(islice(lines, 2, None)), encoding="utf-8")  # two counts stand before the table
    indexed = bench.assort(
        "index", str(plays), "--no-header", "--id", "2", "--aggregate", "1:3", "--speed", "fast",
        "--collection", "artists",
    )  # fmt: skip
    found = bench.assort("cluster", "taste", "--method", "leiden", "--on", "features",
                         "--seed", str(bench.seed), "--collection", "artists")  # fmt: skip
    clusters = found.said["taste"]
    yield Case(
        "listens",
        "Listens, one vector an artist",
        "92,834 lines of user, artist and plays; an artist's vector says who plays it.",
        {
            "aggregate": {"artists": indexed.said["products"], "seconds": indexed.seconds},
            "leiden": {"clusters": clusters["clusters"], "largest": clusters["largest"], "seconds": found.seconds},
        },
    )


def offers(bench: Bench) -> Iterator[Case]:
    """choose-k and compare on the titles of offers: within 4 GB and 15 minutes on 2 cores."""
    source = str(bench.data / "pricerunner" / "pricerunner_aggregate.csv.gz")
    bench.assort(
        "index", source, "--no-header", "--map", "product_id=1", "--map", "title=2", "--map", "group=7",
        "--collection", "offers",
    )  # fmt: skip
    chosen = bench.assort("choose-k", "--range", "2:200", "--seed", str(bench.seed), "--collection", "offers")
    compared = bench.assort(
        "compare", "kmeans", "minibatch-kmeans", "umap+kmeans", "umap+hdbscan", "evoc", "leiden", "--k", "10",
        "--truth", "group", "--seed", str(bench.seed), "--collection", "offers",
    )  # fmt: skip
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6  # of the largest process, in GB
    seconds = chosen.seconds + compared.seconds
    yield Case(
        "offers",
        "Offers, choose-k and compare",
        f"35,311 titles by MiniLM, 384 numbers each, of 10 categories. Recommended: {chosen.said['reason']}",
        {
            "choose-k and compare": {"seconds": seconds, "memory, GB": memory},
            "choose-k": {"seconds": chosen.seconds},
        },
    )
    yield Case(
        "offers_methods", "Offers, methods beside each other", "The same titles, against their 10 categories; k = 10 "
        "where a number is asked for.", _rows(compared.said)
    )  # fmt: skip


def logos(bench: Bench) -> Iterator[Case]:
    """The question of an older study: do pictures of car logos make 5 clusters, or 35?"""
    source = str(bench.data / "car_logos" / "original_256")
    where = ("--collection", "logos")
    bench.assort("index", source, "--format", "images", "--image-model", "visual-words", "--speed", "fast", *where)
    asked = ("choose-k", "--on", "image", "--seed", str(bench.seed), *where)
    two = bench.assort(*asked, "--range", "5,35").said
    many = bench.assort(*asked, "--range", "2:60").said
    yield Case(
        "logos",
        "Car logos, 5 clusters or 35?",
        f"387 logos by visual words, asked by `choose-k --on image`. Of 5 and 35: {two['reason']}. Of 2 to 60: "
        f"{many['reason']}. Every brand has one logo: pictures of logos hardly make clusters, and an elbow seen by eye "
        "in one of these curves is no evidence for a number.",
        {
            f"k = {row['k']}": {
                name: row[name] for name in ("silhouette", "silhouette_chance", "gap", "davies_bouldin")
            }
            for row in two["scores"]
        },
    )


def inertia(bench: Bench) -> Iterator[Case]:
    """k-means against scikit-learn's best of ten at equal k, by inertia."""
    from sklearn.cluster import KMeans

    from clustering.kmeans import kmeans

    scores = {}
    for name, rows, k in _inertia_rows(bench):
        bench.say(f"k-means of {name}, k = {k}")
        ours = kmeans(rows, k, seed=bench.seed)
        started = time.perf_counter()
        peer = KMeans(k, n_init=10, random_state=bench.seed).fit(rows)
        theirs = float(peer.inertia_)
        scores[f"{name}, k = {k}"] = {
            "inertia / scikit-learn's": _euclidean(rows, ours.labels) / theirs,
            "scikit-learn, seconds": time.perf_counter() - started,
        }
    worst = max(score["inertia / scikit-learn's"] for score in scores.values())
    yield Case(
        "inertia",
        "k-means beside scikit-learn's best of ten",
        "Sum of squared distances to the cluster's mean, ours (one call) over scikit-learn's with `n_init=10`, same k.",
        {"worst of these": {"inertia / scikit-learn's": worst}, **scores},
    )


def _inertia_rows(bench: Bench) -> Iterator[tuple[str, NDArray[np.float32], int]]:
    with open_store(str(bench.work / "store"), "tracks") as store:
        audio = take_vectors(store, "features").vectors
    with open_store(str(bench.work / "store"), "offers") as store:
        titles = take_vectors(store, "text").vectors
    drawn = np.sort(np.random.default_rng(bench.seed).choice(len(titles), 10_000, replace=False))
    yield "audio features, 10,963", audio, 20
    yield "audio features, 10,963", audio, GENRES
    yield "titles, 10,000", np.ascontiguousarray(titles[drawn]), 50


def _euclidean(rows: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Sum the squared distances of rows to the means of their clusters."""
    exact = rows.astype(np.float64)
    sums = np.zeros((labels.max() + 1, rows.shape[1]))
    np.add.at(sums, labels, exact)
    means = sums / np.bincount(labels)[:, None]
    return float(((exact - means[labels]) ** 2).sum())


def _rows(said: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Give the table of `compare` as a case's scores; what failed has none."""
    return {row["name"]: {name: _figure(name, row[name]) for name in FIGURES if row[name] is not None} for row in said}


def _figure(name: str, value: float) -> float:
    return round(value) if name in WHOLE else value


CASES: Mapping[str, Callable[[Bench], Iterable[Case]]] = {
    "music": music,
    "listens": listens,
    "offers": offers,
    "logos": logos,
    "inertia": inertia,
    "taxonomy": lambda bench: taxonomies(bench.data, bench.work, seed=bench.seed, say=bench.say),
}


def measure(bench: Bench, names: Sequence[str]) -> list[Case]:
    """Run the cases of these names."""
    return [case for name in names for case in CASES[name](bench)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), help=f"some of {','.join(CASES)}")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "assort-methods")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--known", type=Path, help="JSON of an earlier run, whose other cases are kept")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "methods.md")
    return parser.parse_args()


def main() -> None:
    asked = _arguments()
    bench = Bench(asked.data, asked.work, asked.seed, lambda text: print(text, file=sys.stderr, flush=True))
    bench.work.mkdir(parents=True, exist_ok=True)
    cases = measure(bench, [name for name in asked.cases.split(",") if name])
    if asked.known is not None and asked.known.exists():
        new = {case.name for case in cases}
        known = json.loads(asked.known.read_text(encoding="utf-8"))["cases"]
        cases = [Case(**case) for case in known if case["name"] not in new] + cases
    made_with = setup(asked.seed, DISTRIBUTIONS)
    print(json.dumps({"setup": made_with, "cases": [asdict(case) for case in cases]}, indent=2))
    asked.page.write_text(markdown(cases, made_with), encoding="utf-8")
    for name in missed(cases):
        print(f"missed: {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
