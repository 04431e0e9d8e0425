#!/usr/bin/env python3
"""Measure what a GPU brings: k-means, the exact graph of neighbours, embedding; Leiden on the CPU beside them.

Each stage's seconds stand beside its FLOP/s and bytes/s as a share of the device's ceilings, measured in the same run.
Vectors are drawn, and models built with random weights, so nothing is downloaded. A stage that cannot run says why.

    scripts/benchmark_gpu.py --json gpu.json --markdown gpu.md     # any CUDA machine
    scripts/benchmark_gpu.py --device cpu                          # a dry run: everything, small
    scripts/benchmark_gpu.py --only knn --rows 2000000             # one stage, other sizes

It needs torch built with CUDA and numpy; transformers for the models; faiss-cuda==1.14.1.post4 or faiss-gpu (a
faiss-cpu sees no GPU) for Faiss and for this project's k-means; igraph, leidenalg and scipy for Leiden. All come with
pip install '.[gpu]'. Without installing this project, run it in its folder with PYTHONPATH=. before the command.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark_gpu_timing import Bench, Row

STAGES = ("kmeans", "many", "knn", "text", "images")
FEWEST = 100
"""Rows on which every stage can still run."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is on one kind of device.

    Args:
        rows: Vectors.
        dim: Their dimensions.
        k: Numbers of clusters.
        many_rows: Vectors of the stage with more rows of fewer dimensions.
        many_dim: Their dimensions.
        tokens: Tokens embedded at once.
        images: Pictures embedded at once.
        layers: Layers of the models; None for all.
        side: Of the square matrices that give the ceilings.
        copied: Bytes of the copy that gives the ceiling.
    """

    rows: int
    dim: int
    k: tuple[int, ...]
    many_rows: int
    many_dim: int
    tokens: int
    images: int
    layers: int | None
    side: int
    copied: int


SIZES = {
    "cuda": Sizes(590_000, 384, (1_000, 20_000), 10_000_000, 96, 65_536, 256, None, 8192, 4_000_000_000),
    "cpu": Sizes(3_000, 64, (10, 100), 10_000, 24, 320, 2, 1, 1024, 100_000_000),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages asked for; 0 when they ran or said why not, 1 without the device."""
    parser = options()
    asked = parser.parse_args(arguments)
    chosen = {name: getattr(asked, name) for name in ("rows", "dim", "k") if getattr(asked, name) is not None}
    sizes = replace(SIZES[asked.device], **chosen)
    if sizes.rows < FEWEST:
        parser.error(f"--rows must be {FEWEST} or more, got {sizes.rows}")
    if max(sizes.k) > sizes.rows:
        parser.error(f"--k must be {sizes.rows} or less for {sizes.rows} rows, got {max(sizes.k)}")
    if lack := lacking(asked.device, asked.model):
        say(lack)
        return 1
    from benchmark_gpu_timing import Bench

    measure_all(asked, sizes, Bench(asked.device, asked.repeats, say_row))
    return 0


def measure_all(asked: argparse.Namespace, sizes: Sizes, bench: "Bench") -> None:
    """Measure the ceilings, then stage after stage, and write the files anew after each: a run cut off keeps those."""
    from benchmark_gpu_table import figures, markdown, setup
    from benchmark_gpu_timing import ceilings

    made_with = setup(asked.device, repeats=asked.repeats, model=asked.model)
    done, reached = ceilings(bench, side=sizes.side, size=sizes.copied, times=10)
    for stage in asked.only or STAGES:
        done += run_stage(stage, bench, sizes, asked.model)
        page = markdown(done, reached, made_with)
        if asked.json:
            asked.json.write_text(json.dumps(figures(done, reached, made_with), indent=2) + "\n", encoding="utf-8")
        if asked.markdown:
            asked.markdown.write_text(page, encoding="utf-8")
    if not asked.json and not asked.markdown:
        print(page, end="")


def run_stage(stage: str, bench: "Bench", sizes: Sizes, model: Path | None) -> "Iterator[Row]":
    """Run one stage, row after row."""
    from benchmark_gpu_arrays import graph_stage, kmeans_stage, many_stage
    from benchmark_gpu_models import image_stage, text_stage

    match stage:
        case "kmeans":
            return kmeans_stage(bench, sizes.rows, sizes.dim, sizes.k)
        case "many":
            return many_stage(bench, sizes.many_rows, sizes.many_dim, min(max(sizes.k), sizes.many_rows))
        case "knn":
            return graph_stage(bench, sizes.rows, sizes.dim)
        case "text":
            return text_stage(bench, tokens_a_batch=sizes.tokens, folder=model, layers=sizes.layers)
        case _:
            return image_stage(bench, batch=sizes.images, layers=sizes.layers)


def lacking(device: str, model: Path | None) -> str:
    """Say what has to be there before anything can run; empty when nothing."""
    if model and not (model / "config.json").is_file():
        return f"there is no checkpoint at '{model}': give --model a folder with a config.json and weights"
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed: pip install torch, built with CUDA for a GPU"
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return (
            f"torch {torch.__version__} sees no GPU: it takes an NVIDIA card, its driver and a torch built with CUDA; "
            "--device cpu runs everything small without one"
        )
    return ""


def options() -> argparse.ArgumentParser:
    """Declare the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    small, large = SIZES["cpu"], SIZES["cuda"]
    parser.add_argument("--device", choices=SIZES, default="cuda", help="cuda (default), or cpu for a small dry run")
    parser.add_argument("--only", nargs="+", choices=STAGES, help="run these stages; many: k-means of many rows")
    parser.add_argument("--rows", type=positive, help=f"vectors (default {large.rows}; cpu {small.rows})")
    parser.add_argument("--dim", type=positive, help=f"their dimensions (default {large.dim}; cpu {small.dim})")
    parser.add_argument("--k", type=positive, nargs="+", help="clusters (default 1000 20000; cpu 10 100)")
    parser.add_argument("--repeats", type=positive, default=5, help="timed runs of a stage (default 5)")
    parser.add_argument(
        "--model", type=Path, metavar="FOLDER", help="a text model's checkpoint instead of MiniLM's shape"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the table here; to stdout if no file is named"
    )
    return parser


def positive(text: str) -> int:
    """Read a number that must be 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, got {text}")
    return int(text)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def say_row(row: "Row") -> None:
    """Tell of one stage that is done."""
    say(f"{row.stage}, {row.size}: " + (row.note if row.seconds is None else f"{row.seconds:.3g} s"))


if __name__ == "__main__":
    sys.exit(main())
