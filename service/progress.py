"""How long work tells how far it is: the runs count, whoever called them draws the bar."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Done = Callable[[int], None]
Bar = Callable[[str, int | None], AbstractContextManager[Done]]
"""Called with a step's name and its total, where that is known; yields what the step calls with each bit done."""


@contextmanager
def no_bar(step: str, total: int | None) -> Iterator[Done]:
    """Draw nothing."""
    yield lambda done: None
