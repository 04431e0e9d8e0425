"""Time stages on a device, and the ceilings that they are held against; a stage that cannot run becomes a row too."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TypeVar

import torch
from benchmark_gpu_costs import INT64, Cost, copy, gemm

Result = TypeVar("Result")
Figure = float | str

LONG_S = 20.0
"""A stage that has taken this long is not repeated further: a card is often lent by the minute."""

OUT_OF_MEMORY = "not run: out of memory"

PRECISIONS = {"bf16": (torch.bfloat16, "highest"), "tf32": (torch.float32, "high"), "fp32": (torch.float32, "highest")}
"""How numbers are multiplied -> their type, and torch's word for what it may do to float32."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Args:
        stage: What ran.
        size: On how much.
        precision: "bf16", "tf32" or "fp32", the ceiling it is held against; empty for none.
        seconds: Median of the runs; None where it could not run, and the note says why.
        runs: How many were timed.
        cost: Work of one run; None where the stage decides itself what to do.
        figures: What came out besides: recall, modularity, texts a second.
        note: Anything to know.
    """

    stage: str
    size: str
    precision: str = ""
    seconds: float | None = None
    runs: int = 0
    cost: Cost | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how often to time.

    Args:
        device: "cuda" or "cpu".
        repeats: Timed runs of a stage, at least 1; fewer once they have taken `LONG_S` together.
        say: Called with each row when it is done.
    """

    device: str
    repeats: int
    say: Callable[[Row], None]

    def measure(
        self,
        stage: str,
        size: str,
        run: Callable[[], Result],
        *,
        precision: str = "",
        cost: Cost | None = None,
        figures: Callable[[Result, float], Mapping[str, Figure]] = lambda result, seconds: {},
        note: str = "",
    ) -> tuple[Row, Result | None]:
        """Time a stage after a warm-up; out of memory and a package that is missing are rows, not errors.

        Args:
            stage: What runs.
            size: On how much.
            run: Does it once.
            precision: How it multiplies.
            cost: Work of one run.
            figures: Makes figures of the result and the median seconds; its own time does not count.
            note: Anything to know.

        Returns:
            The row, and the result of the last run, None where there is none.
        """

        def timed() -> tuple[Row, Result]:
            with multiplying(precision):
                seconds, result = self._times(run)
            middle = median(seconds)
            return Row(stage, size, precision, middle, len(seconds), cost, figures(result, middle), note), result

        done = self.attempt(stage, size, timed)
        if isinstance(done, Row):
            return done, None
        self._release()
        self.say(done[0])
        return done

    def attempt(self, stage: str, size: str, run: Callable[[], Result]) -> Result | Row:
        """Do something once; where memory or a package is lacking, return the row that says so.

        Args:
            stage: What it is for.
            size: How much.
            run: Does it.
        """
        try:
            return run()
        except (ModuleNotFoundError, MemoryError, RuntimeError) as error:
            reason = why_not(error)
            if not reason:
                raise
        self._release()  # only here, where the error no longer holds what was allocated before it
        return self.skip(stage, size, reason)

    def skip(self, stage: str, size: str, reason: str) -> Row:
        """Make the row of a stage that is not run."""
        row = Row(stage, size, note=reason)
        self.say(row)
        return row

    def _times(self, run: Callable[[], Result]) -> tuple[list[float], Result]:
        result, warm_up = self._time(run)
        if warm_up > LONG_S:
            # Loading kernels takes seconds at most: a run this long is its own warm-up.
            return [warm_up], result
        seconds: list[float] = []
        while len(seconds) < self.repeats and sum(seconds) < LONG_S:
            result, taken = self._time(run)
            seconds.append(taken)
        return seconds, result

    def _time(self, run: Callable[[], Result]) -> tuple[Result, float]:
        self._wait()
        start = time.perf_counter()
        result = run()
        self._wait()
        return result, time.perf_counter() - start

    def _wait(self) -> None:
        """Let the card finish: its work is queued, and a clock read before that measures the queueing."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def _release(self) -> None:
        """Hand back what torch keeps for reuse, for Faiss takes its memory elsewhere."""
        if self.device == "cuda":
            torch.cuda.empty_cache()


def why_not(error: Exception) -> str:
    """Say why a stage could not run; empty for an error that must not be passed over.

    Args:
        error: From torch, Faiss or numpy, which each tell of exhausted memory in their own way.
    """
    if isinstance(error, ModuleNotFoundError):
        return f"not run: {error.name} is not installed"
    text = str(error)
    if isinstance(error, MemoryError) or any(
        words in text for words in ("out of memory", "alloc fail", "can't allocate memory")
    ):
        return OUT_OF_MEMORY
    return ""


@contextmanager
def multiplying(precision: str) -> Iterator[None]:
    """Set what torch may do to float32 in matrix products, and set it back."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(PRECISIONS[precision][1] if precision else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def ceilings(bench: Bench, *, side: int, size: int, times: int) -> tuple[list[Row], dict[str, float]]:
    """Measure what the device reaches at best: square matrix products on random numbers, and a copy in its memory.

    Args:
        bench: Where to.
        side: Rows and columns of the matrices.
        size: Bytes of the copy.
        times: Products and copies in one timed run.

    Returns:
        Rows, and FLOP/s by precision and bytes/s under "copy"; a CPU has no tf32.
    """
    rows, reached = [], {}
    for precision in PRECISIONS if bench.device == "cuda" else ("bf16", "fp32"):
        dtype = PRECISIONS[precision][0]
        a, b = torch.randn(2, side, side, device=bench.device).to(dtype)
        cost = gemm(side, side, side, itemsize=dtype.itemsize) * times
        row, _ = bench.measure(
            f"ceiling: {precision} matrix product",
            f"{side:,} cubed, {times} times",
            partial(_again, times, partial(torch.mm, a, b)),
            precision=precision,
            cost=cost,
        )
        rows.append(row)
        if row.seconds:
            reached[precision] = cost.flops / row.seconds
    source = torch.randint(2**62, (size // INT64,), device=bench.device)
    target = torch.empty_like(source)
    row, _ = bench.measure(
        "ceiling: copy in memory",
        f"{size / 1e9:.3g} GB, {times} times",
        partial(_again, times, partial(target.copy_, source)),
        cost=copy(size) * times,
    )
    rows.append(row)
    if row.seconds:
        reached["copy"] = copy(size).bytes * times / row.seconds
    return rows, reached


def _again(times: int, call: Callable[[], object]) -> None:
    for _ in range(times):
        call()
