"""Pictures from addresses into the cache: many servers at once, each one gently, and none asked twice for the same."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .kept import digest, kept_file, write_whole
from .pixels import BadPicture

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState, Retrying

Answer = tuple[str, Path | BadPicture]

_AHEAD = 2_000  # addresses that wait at a time: enough for all lanes, however few hosts they lead to
_LONGEST_PAUSE = 60.0  # seconds; a server that wants to be left alone for longer is asked again in the next run
_GIVE_UP = 10  # addresses of a host in a row without an answer, each tried several times


class Downloads:
    """Fetches pictures, one time each: what is in the cache is not asked for again, in this run and in later ones.

    What could not be had is remembered as long as this object lives, so another one, in the next run, tries again. A
    server is asked for few pictures at a time, waited for with growing pauses or as long as it says itself, and left
    alone for the rest of the run when it does not answer. Proxies are not used: what connects must know the address.

    Args:
        folder: The picture cache. Several processes may use it at once.
        workers: Downloads at a time.
        per_host: Of these from one host.
        timeout_s: Longest wait for a connection and for each piece of a picture, in seconds.
        most_bytes: Break off a larger file.
        tries: How often an address is asked that does not answer.
        private: Allow private, loopback and link-local addresses.

    Raises:
        ValueError: If an option is below 1, or the timeout not above 0.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 16,
        per_host: int = 4,
        timeout_s: float = 20.0,
        most_bytes: int = 20_000_000,
        tries: int = 3,
        private: bool = False,
    ) -> None:
        counts = {"workers": workers, "per_host": per_host, "most_bytes": most_bytes, "tries": tries}
        for name, value in counts.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if timeout_s <= 0:
            raise ValueError(f"timeout_s must be above 0, got {timeout_s}")
        self.folder, self._workers, self._per_host, self._timeout_s = folder, workers, per_host, timeout_s
        self._most_bytes, self._tries, self._private = most_bytes, tries, private
        self._refused: dict[str, str] = {}  # key of an address -> why there is no picture
        self._silent: Counter[str] = Counter()  # host -> addresses in a row without an answer; a rough count will do

    def fetch(self, urls: Iterable[str]) -> Iterator[Answer]:
        """Give each address with its picture's file, or with the reason why there is none, as they come.

        Args:
            urls: Read as needed, some thousands ahead.

        Raises:
            OSError: If the cache cannot be written.
        """
        from .asking import open_client  # loads httpx

        stop = threading.Event()
        with (
            open_client(connections=self._workers, timeout_s=self._timeout_s, private=self._private) as client,
            ThreadPoolExecutor(self._workers, "download") as pool,
        ):
            try:
                yield from _Lanes(pool, self._per_host, stop, lambda url: self._answer(client, url, stop)).answers(urls)
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def refuse(self, file: Path, reason: BadPicture) -> None:
        """Throw away a file that is no picture: this run gives the reason in its place, the next one tries again.

        Args:
            file: As `fetch` gave it; any other is left alone.
            reason: Why it cannot be used.
        """
        if file == kept_file(self.folder, file.name):
            self._refused[file.name] = str(reason)
            file.unlink(missing_ok=True)

    def _answer(self, client: "httpx.Client", url: str, stop: threading.Event) -> Path | BadPicture:
        """Find a picture in the cache, or ask for it until there is an answer, a few times."""
        from .asking import get_picture

        key, host = digest(url.encode("utf-8", "surrogatepass")), _host(url)
        file = kept_file(self.folder, key)
        if file.is_file():
            return file
        if key in self._refused:
            return BadPicture(self._refused[key])
        if self._silent[host] >= _GIVE_UP:
            return BadPicture("host does not answer")
        try:
            content: bytes = _retrying(self._tries, stop)(get_picture, client, url, most_bytes=self._most_bytes)
        except BadPicture as error:
            if not stop.is_set():  # else it was not tried as often as it should
                self._note(key, host, error)
            return BadPicture(str(error))
        self._silent[host] = 0
        return write_whole(file, content)

    def _note(self, key: str, host: str, error: BadPicture) -> None:
        """Remember why there is no picture, and whether the host answered at all."""
        from .addresses import Unanswered

        self._refused[key] = str(error)
        self._silent[host] = self._silent[host] + 1 if isinstance(error, Unanswered) else 0


class _Lanes:
    """Shares threads among hosts: a lane asks for one picture of its host after another, and a host has few lanes.

    Args:
        pool: The threads.
        per_host: Most lanes of a host.
        stop: When set, lanes end.
        ask: Called in the threads with each address.
    """

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        per_host: int,
        stop: threading.Event,
        ask: Callable[[str], Path | BadPicture],
    ) -> None:
        self._pool, self._per_host, self._stop, self._ask = pool, per_host, stop, ask
        self._waiting: dict[str, deque[str]] = {}  # host -> addresses
        self._lanes: Counter[str] = Counter()  # host -> lanes; as `_waiting` filled by the thread that wants answers
        self._done: SimpleQueue[Answer | tuple[str, Future[None]]] = SimpleQueue()  # addresses, and lanes that ended

    def answers(self, urls: Iterable[str]) -> Iterator[Answer]:
        """Give the answers as they come."""
        coming, unanswered = iter(urls), 0
        while True:
            while unanswered < _AHEAD and (url := next(coming, None)) is not None:
                unanswered += 1
                host = _host(url)
                self._waiting.setdefault(host, deque()).append(url)
                self._open_lane(host)
            if not unanswered:
                return
            name, done = self._done.get()
            if isinstance(done, Future):
                done.result()  # an error of the lane is an error of the run
                self._lanes[name] -= 1
                self._open_lane(name)
            else:
                unanswered -= 1
                yield name, done

    def _open_lane(self, host: str) -> None:
        """Open a lane if addresses wait and the host has one left."""
        waiting = self._waiting[host]
        if waiting and self._lanes[host] < self._per_host:
            self._lanes[host] += 1
            self._pool.submit(self._walk, waiting).add_done_callback(lambda lane: self._done.put((host, lane)))

    def _walk(self, waiting: "deque[str]") -> None:
        while not self._stop.is_set():
            try:
                url = waiting.popleft()
            except IndexError:
                return
            self._done.put((url, self._ask(url)))


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:  # no address at all, which is said when it is asked for
        return ""


def _retrying(tries: int, stop: threading.Event) -> "Retrying":
    """Ask again after growing pauses, drawn at random so that many do not come back at the same moment."""
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_when_event_set, wait_exponential_jitter

    from .addresses import Unanswered

    back_off = wait_exponential_jitter(initial=1, max=_LONGEST_PAUSE / 2, jitter=1)

    def pause(state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(back_off(state), error.after if isinstance(error, Unanswered) else 0.0)

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Unanswered) and error.after <= _LONGEST_PAUSE),
        stop=stop_after_attempt(tries) | stop_when_event_set(stop),
        wait=pause,
        sleep=lambda seconds: _sleep(stop, seconds),
        reraise=True,
    )


def _sleep(stop: threading.Event, seconds: float) -> None:
    """Wait, but not on when the run ends."""
    if stop.wait(seconds):
        raise BadPicture("the run ended")
