"""What every benchmark says of the machine and the packages its figures were made with."""

import platform
import re
from collections.abc import Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def processor() -> str:
    """Name the processor, as Linux tells it; elsewhere its architecture."""
    facts = Path("/proc/cpuinfo")
    text = facts.read_text(encoding="utf-8") if facts.exists() else ""
    names: list[str] = re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return f"{names[0]} x {len(names)}" if names else platform.machine()


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Give the versions of those of these packages that are installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def setup(seed: int, distributions: Iterable[str]) -> dict[str, str]:
    """Say when, on what and with which of these packages figures were made."""
    made_with = {"date": date.today().isoformat(), "cpu": processor(), "python": platform.python_version()}
    return {**made_with, "seed": str(seed), **versions(distributions)}
