"""The stages of an index run side by side: reading in a process of its own, embedding beside writing.

Reading, cleaning and fingerprinting take as much time as writing, and both hold Python's lock, so they overlap only in
two processes. Models let go of the lock while they work: for embedding a thread will do.
"""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

from .catalogue import Catalogues
from .preparing import Batch, prepare
from .products import Product, Rejected

STAGES = ("reading", "embedding", "writing")
_WORTH_A_PROCESS = 2_000_000  # bytes of catalogue; a smaller one is read before another process has started
_AHEAD = 1 << 20  # bytes that wait in the pipe, some batches: the queue between reading and the rest
_SETTLED = 5  # seconds after which it can be said which stage is the slowest
_CHILD = "from indexer.pipeline import serve; serve()"


class Stages:
    """How long each stage of a run has worked, to tell which one holds the others up."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.seconds = dict.fromkeys(STAGES, 0.0)

    def add(self, stage: str, seconds: float) -> None:
        """Note that a stage worked so long."""
        self.seconds[stage] += seconds

    @contextmanager
    def working(self, stage: str) -> Iterator[None]:
        """Note how long a stage works inside the `with` block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started)

    def slowest(self) -> str:
        """Say which stage holds the others up and what part of the time it works; nothing in the first seconds."""
        elapsed = time.monotonic() - self._started
        if elapsed < _SETTLED:
            return ""
        stage = max(STAGES, key=self.seconds.__getitem__)
        return f"{stage} holds the others up ({min(1, self.seconds[stage] / elapsed):.0%})"


def batches(
    records: Iterable[Product | Rejected], *, worth_a_process: int = _WORTH_A_PROCESS, **options: Any
) -> AbstractContextManager[Iterator[Batch]]:
    """Prepare batches, ahead and in a process of its own where that pays: for `Catalogues` of some size.

    Args:
        records: `Catalogues`, or any records, which are prepared here.
        worth_a_process: Bytes of catalogue from which another process reads.
        options: What `prepare` takes besides the records.

    Raises:
        ChildProcessError: While reading, if the other process ends before the catalogue does.
    """
    if isinstance(records, Catalogues) and records.bytes() >= worth_a_process:
        return _elsewhere(records, options)
    return nullcontext(prepare(records, **options))


@contextmanager
def _elsewhere(catalogues: Catalogues, options: dict[str, Any]) -> Iterator[Iterator[Batch]]:
    """Let another interpreter prepare the batches; it waits while the pipe is full and ends with this process.

    A plain interpreter and not `multiprocessing`, which would run the caller's main module a second time.
    """
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _CHILD],  # -P: what lies in the current folder is not to be imported
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
    ) as process:
        _widen(process.stdout)
        try:
            yield _received(process, pickle.dumps((catalogues, options)))
        finally:
            process.kill()


def _widen(pipe: IO[bytes] | None) -> None:
    """Let more bytes wait in a pipe, where the system can and lets us."""
    if sys.platform == "linux" and pipe is not None:
        import fcntl

        with suppress(OSError):  # above /proc/sys/fs/pipe-max-size: less is read ahead
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _AHEAD)


def _received(process: subprocess.Popen[bytes], request: bytes) -> Iterator[Batch]:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.close()
        while (batch := pickle.load(process.stdout)) is not None:
            yield batch
    except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
        status = process.wait()
        why = "is there memory left?" if status < 0 else "see the error above."  # below 0: killed
        raise ChildProcessError(
            f"the process that reads the catalogue ended with exit status {status}: {why} "
            "Run the same command again, what was written stays"
        ) from error


def serve() -> None:
    """Be the reading process: take a request from stdin and answer with batches, then None, on stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes: the other one decides
    catalogues, options = pickle.load(sys.stdin.buffer)
    out = sys.stdout.buffer
    try:
        for batch in prepare(catalogues, **options):
            pickle.dump(batch, out, pickle.HIGHEST_PROTOCOL)
            out.flush()
        pickle.dump(None, out)
        out.flush()
    except BrokenPipeError:
        os._exit(0)  # nobody waits for the rest; a usual exit would try to write it once more
