#!/usr/bin/env python3
"""Measure every stage of a run at a given size, beside other libraries in the same run.

Invents a catalogue, then runs each stage in a process of its own, contenders in turn, and reports the medians of time
and the peak of memory. Figures go to JSON after every stage, so a run cut short keeps what it has; the same --work goes
on with the stages that are not in it. The page is written from the JSON.

    pip install -e '.[cpu,offline,benchmarks]'
    scripts/benchmark_scale.py --products 590000 --work /tmp/scale --json scale.json --table docs/benchmarks.md
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark_scale_inputs import Work, peak_gb, private_peak
from benchmark_scale_peers import PEERS
from benchmark_scale_stages import STAGES
from benchmark_scale_table import page, plot, setup

OURS = "assort"
SLOW = ("whole_accurate",)
SCALING = ("index", "take", "cluster")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 when all of it ran, 1 when a stage of ours failed."""
    asked = options().parse_args(arguments)
    if asked.table and not asked.table.parent.is_dir():
        print(f"'{asked.table.parent}' is no folder: give --table a file in one that is there", file=sys.stderr)
        return 2
    if asked.contender:
        return one(Work(asked.work, asked.products[0]), asked.only[0], asked.contender)
    rows = json.loads(asked.json.read_text())["rows"] if asked.json.exists() and not asked.again else []
    for position, products in enumerate(asked.products):
        work = Work(asked.work / str(products), products)
        work.folder.mkdir(parents=True, exist_ok=True)
        work.make(asked.seed, asked.vectors)
        whole = position == len(asked.products) - 1
        for stage in asked.only or [name for name in STAGES if name not in SLOW and (whole or name in SCALING)]:
            here = [row for row in rows if (row["stage"], row["products"]) == (stage, products)]
            if here and not asked.only and not any("failed" in row for row in here if row["contender"] == OURS):
                continue
            new = measured(asked, work, stage, peers=whole and not asked.no_peers)
            rows = [row for row in rows if not any(same(row, other) for other in new)] + new
            made_with = setup(asked.seed, asked.vectors)
            asked.json.write_text(json.dumps({"setup": made_with, "rows": rows}, indent=2) + "\n")
    written = json.loads(asked.json.read_text())
    if asked.table:
        picture = asked.table.with_name("scaling.png")
        asked.table.write_text(page(written["rows"], written["setup"], asked.notes, picture.name), encoding="utf-8")
        plot(written["rows"], picture)
    return 1 if any("failed" in row for row in rows if row["contender"] == OURS) else 0


def options() -> argparse.ArgumentParser:
    """Declare the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = "sizes; all stages run at the last, those that show how time grows at the others"
    parser.add_argument("--products", type=int, nargs="+", default=[590_000], metavar="N", help=sizes)
    parser.add_argument("--work", type=Path, required=True, help="folder for catalogues and stores; 8 GB at 590,000")
    parser.add_argument("--json", type=Path, default=Path("benchmark_scale.json"), help="figures, read and written")
    parser.add_argument("--table", type=Path, help="write the page here, and scaling.png beside it")
    parser.add_argument("--notes", type=Path, default=Path("docs/benchmarks_notes.md"), help="text that ends the page")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=STAGES,
        metavar="STAGE",
        help=f"measure these again: {', '.join(STAGES)}; most need what those before them left in --work",
    )
    parser.add_argument("--no-peers", action="store_true", help="measure this project alone")
    parser.add_argument("--again", action="store_true", help="measure what is in the JSON already, too")
    parser.add_argument("--repeats", type=int, default=1, help="of stages that change nothing (default 1)")
    parser.add_argument("--patience", type=float, default=900, help="seconds after which a contender is stopped")
    parser.add_argument("--vectors", choices=["drawn", "embedded"], default="embedded")
    parser.add_argument("--seed", type=int, default=1, help="of the catalogue")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    return parser


def one(work: Work, stage: str, contender: str) -> int:
    """Be the process of one contender: print its figures as the last line of stdout."""
    run = STAGES[stage] if contender == OURS else PEERS[stage][contender]
    with private_peak() as private:
        figures = run(work)
    print(json.dumps({"peak_gb": peak_gb(), "private_gb": private[0], **figures}))
    return 0


def measured(asked: argparse.Namespace, work: Work, stage: str, *, peers: bool) -> list[dict[str, Any]]:
    """Run the contenders of a stage in turn, so often as asked, and give a row for each."""
    contenders = [OURS, *(PEERS.get(stage, {}) if peers else {})]
    runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in contenders}
    repeats = 1 if stage in ("index", "cluster", "labels", "whole_fast", "whole_accurate") else asked.repeats
    for _ in range(repeats):
        for contender in contenders:
            runs[contender].append(run(asked, work, stage, contender))
    return [
        {"stage": stage, "contender": contender, "products": work.products, **summary(found)}
        for contender, found in runs.items()
    ]


def same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether two rows are of one contender in one stage at one size."""
    return all(row[name] == other[name] for name in ("stage", "contender", "products"))


def run(asked: argparse.Namespace, work: Work, stage: str, contender: str) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    if stage == "index" and contender == OURS:
        subprocess.run(["rm", "-rf", str(work.store)], check=True)
    command = [sys.executable, __file__, "--work", str(work.folder), "--products", str(work.products)]
    started = time.monotonic()
    patience = None if contender == OURS else asked.patience
    try:
        done = subprocess.run(
            [*command, "--only", stage, "--contender", contender], stdout=subprocess.PIPE, timeout=patience, check=True
        )
    except subprocess.TimeoutExpired:
        found = {"failed": f"not done after {asked.patience:.0f} s"}
    except subprocess.CalledProcessError as error:
        found = {"failed": f"ended with exit status {error.returncode}"}
    else:
        found = json.loads(done.stdout.splitlines()[-1])
    print(f"{stage}, {contender}: {found} ({time.monotonic() - started:.0f} s in all)", file=sys.stderr, flush=True)
    return found


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the figures of the run of median time, and the times of all."""
    took = [each["seconds"] for each in found if each.get("seconds") is not None]
    if not took:
        return dict(found[0])
    middle = statistics.median_low(took)
    return {**next(each for each in found if each.get("seconds") == middle), "all_seconds": took}


if __name__ == "__main__":
    sys.exit(main())
