"""One method in a process of its own: what it finds, how long it takes, and the most memory it holds."""

import json
import multiprocessing
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PEAK = "VmHWM:"
_FEW = 200  # rows of a warm-up


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One run of one method.

    Args:
        labels: int64 (n,), -1 for noise; None where it failed.
        seconds: Of the fit, without reading and loading; None where it failed.
        peak_mb: The most resident memory of its process, in MB, with interpreter, libraries and vectors; None where it
            failed.
        reason: Why it failed; None where it did not.
    """

    labels: NDArray[np.int64] | None
    seconds: float | None
    peak_mb: float | None
    reason: str | None = None


def measured(path: Path, method: str, settings: Mapping[str, Any], *, seed: int) -> Measured:
    """Run one method in a fresh process.

    Args:
        path: An .npy file, float32 (n, d), which the process maps into memory; results are written beside it.
        method: One of `methods.METHODS`.
        settings: Its own parameters.
        seed: Of the method.
    """
    answer, labels = path.with_name("answer.json"), path.with_name("labels.npy")
    for old in (answer, labels):
        old.unlink(missing_ok=True)
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(str(path), method, dict(settings), seed, str(answer), str(labels))
    )
    process.start()
    try:
        process.join()
    finally:
        process.kill()  # where the wait was cut short; nothing where it has ended
    code = process.exitcode or 0
    if not answer.is_file():
        return Measured(None, None, None, _died(code))
    said = json.loads(answer.read_text(encoding="utf-8"))
    if "reason" in said:
        return Measured(None, None, None, said["reason"])
    return Measured(np.load(labels), said["seconds"], said["peak_mb"])


def _died(code: int) -> str:
    """Say why a process ended without an answer."""
    if code == -signal.SIGKILL:
        return "the system ended its process, most likely because memory ran out"
    return f"its process ended with code {code}"


def _run(path: str, method: str, settings: dict[str, Any], seed: int, answer: str, labels: str) -> None:
    """Do the work, in the process of its own; what a method refuses is an answer, too."""
    from .methods import MethodOptions, fit

    vectors = np.asarray(np.load(path, mmap_mode="c"))  # some libraries refuse what is for reading only
    said: dict[str, Any]
    try:
        _warm_up(method)
        started = time.perf_counter()
        found = fit(vectors, MethodOptions(method, seed, settings=settings))
        said = {"seconds": time.perf_counter() - started, "peak_mb": peak_bytes() / 1e6}
        np.save(labels, found.labels)
    except (ValueError, MemoryError, ImportError) as error:
        said = {"reason": str(error) or type(error).__name__}
    Path(answer).write_text(json.dumps(said), encoding="utf-8")


def _warm_up(method: str) -> None:
    """Run a method on a few rows: loading and compiling its libraries is no part of the fit."""
    from .methods import METHODS, MethodOptions, fit, parameters

    few = np.random.default_rng(0).normal(size=(_FEW, 8)).astype(np.float32)
    small = {"k": 2, "pretraining": 1, "epochs": 1}
    settings = {name: value for name, value in small.items() if name in parameters(METHODS[method])}
    fit(few, MethodOptions(method, 0, settings=settings))


def peak_bytes() -> int:
    """Say the most resident memory this process ever held.

    `ru_maxrss` of a new process starts from what its parent held, so the kernel's own mark is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith(_PEAK))
        return int(line.removeprefix(_PEAK).split()[0]) * 1024
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
