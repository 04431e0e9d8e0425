#!/usr/bin/env python3
"""Measure the quality of clusters and answers on real catalogues, beside what this project replaces.

Takes each catalogue through the product's own path with its defaults, grades labels and answers against the truth,
prints all figures as JSON and writes them as a page. Run it again with the same --work and nothing is embedded anew.

    pip install -e '.[cpu,offline,benchmarks]'
    scripts/benchmark_quality.py --work /tmp/quality
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmark_quality_baselines import missing_packages
from benchmark_quality_beauty import beauty
from benchmark_quality_cases import Bench, Case, RememberingEmbedder, abt_buy, gift_cards, pricerunner, toys
from benchmark_quality_table import markdown, missed, setup

from indexer.catalogue import CatalogueError
from indexer.embedders.text import ModelUnavailable, TextEmbedder
from indexer.store import StoreLocked

ROOT = Path(__file__).resolve().parents[1]
CASES: Mapping[str, Callable[[Bench], Iterator[Case]]] = {
    "pricerunner": pricerunner,
    "abt_buy": abt_buy,
    "beauty": beauty,
    "gift_cards": gift_cards,
    "toys": toys,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases asked for; 0 when all ran, 1 when they could not."""
    asked = options().parse_args(arguments)
    if not asked.data.is_dir():
        say(f"there are no catalogues at '{asked.data}': say with --data where they are")
        return 1
    if missing := missing_packages():
        say(f"the baselines need {', '.join(missing)}: pip install -e '.[benchmarks]'")
        return 1
    with tempfile.TemporaryDirectory(prefix="assort-quality-") as temporary:
        work = asked.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        try:
            bench = Bench(asked.data, work, RememberingEmbedder(TextEmbedder()), asked.seed, say)
            cases = [case for name in asked.only or CASES for case in CASES[name](bench)]
        except (CatalogueError, ModelUnavailable, StoreLocked) as error:
            say(str(error))
            return 1
    made_with = setup(bench.embedder.name, asked.seed)
    report(asked, cases, made_with)
    return 0


def report(asked: argparse.Namespace, cases: Sequence[Case], made_with: Mapping[str, str]) -> None:
    """Write the page, the figures, and what misses its target."""
    if not asked.only:
        asked.table.write_text(markdown(cases, made_with), encoding="utf-8")
        say(f"wrote {asked.table}")
    figures = json.dumps({"setup": made_with, "cases": [asdict(case) for case in cases]}, indent=2, ensure_ascii=False)
    if asked.json:
        asked.json.write_text(figures + "\n", encoding="utf-8")
    else:
        print(figures)
    for miss in missed(cases):
        say(f"missed: {miss}")


def options() -> argparse.ArgumentParser:
    """Declare the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of catalogues")
    parser.add_argument("--work", type=Path, help="keep the store here and use it again; else it is thrown away")
    parser.add_argument("--only", nargs="+", choices=CASES, help="run these cases and write no page")
    parser.add_argument("--seed", type=int, default=0, help="of clustering runs and baselines (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, not to stdout")
    parser.add_argument("--table", type=Path, metavar="FILE", default=ROOT / "docs" / "quality.md", help="the page")
    return parser


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
