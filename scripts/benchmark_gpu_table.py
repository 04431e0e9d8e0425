"""What is written down: the setup, and each stage's time as a share of what the device can do."""

import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch
from benchmark_gpu_timing import Figure, Row
from benchmark_setup import processor, versions

_DISTRIBUTIONS = (
    "torch", "faiss-cuda", "faiss-gpu", "faiss-gpu-cu12", "faiss-cpu", "transformers", "igraph", "numpy",
)  # fmt: skip
_HEADS = ("stage", "size", "seconds", "FLOP/s", "of the most", "bytes/s", "of the most", "besides")


def setup(device: str, *, repeats: int, model: Path | None) -> dict[str, str]:
    """Say what the figures were made with."""
    return {
        "date": date.today().isoformat(),
        **(_card() if device == "cuda" else {}),
        "CPU": processor(),
        "Python": platform.python_version(),
        **versions(_DISTRIBUTIONS),
        "text model": str(model.name if model else "MiniLM's architecture, random weights"),
        "repeats": str(repeats),
    }


def share(row: Row, ceilings: Mapping[str, float], of: str) -> float | None:
    """Compare what a stage reached with its ceiling.

    Args:
        row: A stage.
        ceilings: FLOP/s by precision, bytes/s under "copy".
        of: "flops" or "bytes".

    Returns:
        The share, or None where the stage, its work or the ceiling was not measured.
    """
    ceiling, reached = ceilings.get(row.precision if of == "flops" else "copy"), rate(row, of)
    return None if ceiling is None or reached is None else reached / ceiling


def rate(row: Row, of: str) -> float | None:
    """Give a stage's FLOP/s or bytes/s; None where it has none."""
    if not row.seconds or row.cost is None:
        return None
    work = row.cost.flops if of == "flops" else row.cost.bytes
    return work / row.seconds if work else None


def figures(rows: Sequence[Row], ceilings: Mapping[str, float], made_with: Mapping[str, str]) -> dict[str, Any]:
    """Put together what goes into the JSON file."""
    return {
        "setup": dict(made_with),
        "ceilings": dict(ceilings),
        "rows": [
            {
                **asdict(row),
                "flops_share": share(row, ceilings, "flops"),
                "bytes_share": share(row, ceilings, "bytes"),
            }
            for row in rows
        ],
    }


def markdown(rows: Sequence[Row], ceilings: Mapping[str, float], made_with: Mapping[str, str]) -> str:
    """Write all stages as one page."""
    lines = [
        "# What a GPU brings",
        "",
        "Written by `scripts/benchmark_gpu.py`; do not edit by hand. Seconds are the median of the repeats after a "
        "warm-up. FLOP/s and bytes/s are the operations a stage needs and the fewest bytes it can move, over the "
        "seconds; their shares are of the ceilings in the first rows, measured in the same run. Vectors lie on the "
        "device for torch, in host memory for Faiss and this project's own calls, whose time includes the transfers.",
        "",
        "Made with: " + ", ".join(f"{name} {value}" for name, value in made_with.items()) + ".",
        "",
        _line(_HEADS),
        _line(["---", "---", *["---:"] * (len(_HEADS) - 3), "---"]),
        *(_line(list(_cells(row, ceilings))) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Row, ceilings: Mapping[str, float]) -> Iterator[str]:
    yield row.stage
    yield row.size
    yield "" if row.seconds is None else f"{row.seconds:,.3g}" if row.seconds < 1000 else f"{row.seconds:,.0f}"
    for of, unit in (("flops", "FLOP/s"), ("bytes", "B/s")):
        reached, part = rate(row, of), share(row, ceilings, of)
        yield "" if reached is None else scaled(reached, unit)
        if of == "flops":
            yield "" if part is None else f"{percent(part)} {row.precision}"
        else:
            yield "" if part is None else percent(part)
    yield ", ".join(
        [*(f"{name} {shown(value)}" for name, value in row.figures.items()), *([row.note] * bool(row.note))]
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def percent(part: float) -> str:
    """Write a share with as many digits as mean something."""
    return f"{100 * part:.0f} %" if part >= 0.1 else f"{100 * part:.2g} %"


def scaled(value: float, unit: str) -> str:
    """Write a rate with three digits and the prefix that fits."""
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def shown(value: Figure) -> str:
    """Write a count with separators, another number with four digits, a share without its leading zero."""
    if isinstance(value, str):
        return value
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}" if value >= 1 else f"{value:.4f}".lstrip("0")


def _card() -> dict[str, str]:
    memory = torch.cuda.get_device_properties(0).total_memory
    driver = ""
    if command := shutil.which("nvidia-smi"):
        asked = [command, "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
        driver = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "card": f"{torch.cuda.get_device_name(0)} ({memory / 1e9:.0f} GB)",
        "driver": driver or "unknown",
        "CUDA": str(torch.version.cuda),
    }
