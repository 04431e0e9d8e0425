"""One field of a catalogue, tallied product by product: what is missing, what is common, how numbers spread."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.clean import finite_number

Kind = Literal["number", "text", "list"]

MOST_VALUES = 20_000
"""Different values of a field that are counted; those that come later are not, and products come in no order."""

_NUMBERS = 0.95  # of the values of a field that are numbers, at least, for it to count as one of numbers
_COMMON = 12
_BINS = 30
_TAIL = 1.0  # per cent at each end that a histogram may leave out, where they stretch it
_SKEWED = 8  # times the median that the largest hundredth lies at where steps would show one bar alone


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How numbers spread.

    Args:
        count: Numbers there are.
        mean: Of all, as are the next.
        deviation: Standard deviation.
        quantiles: Least, lower quarter, median, upper quarter, greatest.
        counts: int64 (b,), a histogram.
        edges: float64 (b + 1,), between which the numbers were counted.
        left_out: Numbers beyond the edges.
    """

    count: int
    mean: float
    deviation: float
    quantiles: tuple[float, float, float, float, float]
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    left_out: int

    @classmethod
    def of(cls, numbers: NDArray[np.float64]) -> "Spread | None":
        """Describe numbers, float64 (m,), NaN where there is none; None when there is no number at all."""
        there = numbers[np.isfinite(numbers)]
        if not len(there):
            return None
        low, quarter, median, three, high = np.percentile(there, (0, 25, 50, 75, 100)).tolist()
        edges = _edges(there, low, median, high)
        counts = np.histogram(there, edges)[0].astype(np.int64)
        return cls(
            len(there), float(there.mean()), float(there.std()), (low, quarter, median, three, high),
            counts, edges.astype(np.float64), len(there) - int(counts.sum()),
        )  # fmt: skip


def _edges(numbers: NDArray[np.float64], low: float, median: float, high: float) -> NDArray[np.float64]:
    """Choose the edges of a histogram: around whole numbers, by like factors, or by like steps without far tails."""
    if not vary(low, high):
        return _one_bin(low, high)
    near, far = np.percentile(numbers, (_TAIL, 100 - _TAIL)).tolist()
    if high - low < _BINS and bool((numbers == np.round(numbers)).all()):
        return np.arange(low - 0.5, high + 1)
    if low > 0 and far > _SKEWED * median:
        return np.geomspace(low, high * (1 + 1e-9), _BINS + 1)
    if high - low > 4 * (far - near) > 0:  # few numbers would press all others into one bar
        low, high = near, far
    if not vary(low, high):
        return _one_bin(low, high)
    return np.histogram_bin_edges(numbers[(numbers >= low) & (numbers <= high)], _BINS)


def _one_bin(low: float, high: float) -> NDArray[np.float64]:
    """Give the edges of one bar around numbers that are as good as equal."""
    side = max(0.5, float(np.spacing(max(abs(low), abs(high)))))
    return np.array([low - side, high + side])


def vary(low: float, high: float) -> bool:
    """Say whether numbers from low to high differ by more than rounding: enough for the bars of a histogram."""
    return high - low > 2 * _BINS * float(np.spacing(max(abs(low), abs(high))))


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What a field holds.

    Args:
        name: Of the payload, or of the user's own column.
        kind: `number` too where numbers are written as text.
        filled: Products that have a value.
        different: Values that differ from each other; at most `MOST_VALUES` are told apart.
        common: The commonest values and how many products have them.
        numbers: How its numbers spread, or None.
        words: How many words its texts have, or None.
    """

    name: str
    kind: Kind
    filled: int
    different: int
    common: Sequence[tuple[str, int]]
    numbers: Spread | None
    words: Spread | None


class Tally:
    """Counts a field as products go by; memory stays within `MOST_VALUES` values and the sampled products.

    Args:
        name: Of the field.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._filled = self._numeric = self._lists = 0
        self._values: Counter[str] = Counter()
        self._numbers, self._words = array("d"), array("d")

    def add(self, value: Any, *, sampled: bool) -> None:
        """Count the value of the next product; None and empty ones are missing.

        Args:
            value: A text, a number or a list of texts.
            sampled: Whether its number and its length are kept for the distributions.
        """
        listed = isinstance(value, list | tuple)
        there = value is not None and value != "" and not (listed and not value)
        number = finite_number(value) if there and not listed else np.nan
        if there:
            self._filled += 1
            self._lists += listed
            self._numeric += bool(np.isfinite(number))
            for each in dict.fromkeys(value) if listed else (value,):
                self._count(repr(each).removesuffix(".0") if isinstance(each, float) else str(each))
        if sampled:
            self._numbers.append(number)
            self._words.append(sum(len(str(each).split()) for each in value) if listed and there else _words(value))

    def _count(self, value: str) -> None:
        if value in self._values or len(self._values) < MOST_VALUES:
            self._values[value] += 1

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The numbers of the sampled products, float64 (m,), NaN where there is none."""
        return np.frombuffer(self._numbers, dtype=np.float64)

    def field(self) -> Field:
        """Say what was found."""
        numeric = self._filled > 0 and self._numeric >= _NUMBERS * self._filled
        kind: Kind = "number" if numeric else "list" if self._lists else "text"
        common = sorted(self._values.items(), key=lambda item: (-item[1], item[0]))[:_COMMON]
        return Field(
            self.name, kind, self._filled, len(self._values), common,
            Spread.of(self.numbers) if numeric else None,
            None if numeric else Spread.of(np.frombuffer(self._words, dtype=np.float64)),
        )  # fmt: skip


def _words(value: Any) -> float:
    """Count the words of a text; NaN where it is missing or none."""
    return float(len(value.split())) if isinstance(value, str) and value else float("nan")
