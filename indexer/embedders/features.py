"""Numbers and categories as vectors: columns are scaled and one-hot, and kept on a sphere that a cosine index holds."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

Scale = Literal["standard", "minmax"]
SCALES: tuple[Scale, ...] = get_args(Scale)
MOST_CATEGORIES = 50
"""Categories of a column that get one of their own; the rarer ones share one."""

_FURTHEST = 1e6  # spreads from the centre: later values may be anything, and have to stay finite
Floats = NDArray[np.float64]


def on_sphere(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project standardised columns onto the unit sphere, so that an index of cosines can hold them.

    The projection is the gnomonic one, from the centre of the sphere: (x, c) / |(x, c)| with c = sqrt(d), which is how
    long a row of d standardised columns is on average. Nothing is lost, see `on_plane`; among rows no longer than
    that, the order of cosines is close to that of Euclidean distances: of the ten nearest of 10,963 tracks by eleven
    audio features, nine are the same.

    Args:
        columns: float32 (n, d), d of at least 1, finite.

    Returns:
        float32 (n, d + 1), rows of length 1.

    Raises:
        ValueError: If there is no column.
    """
    count, dims = columns.shape
    if not dims:
        raise ValueError("at least one column is needed, got none")
    height = np.full((count, 1), np.sqrt(dims))
    lifted = np.hstack([columns, height])
    return np.asarray(lifted / np.linalg.norm(lifted, axis=1, keepdims=True), dtype=np.float32)


def on_plane(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give back the standardised columns that `on_sphere` projected.

    Args:
        vectors: float32 (n, d + 1), as `on_sphere` made them: the last number of a row is above 0.

    Returns:
        float32 (n, d).

    Raises:
        ValueError: If a row was not made by `on_sphere`.
    """
    heights = vectors[:, -1:].astype(np.float64)
    if not (heights > 0).all():
        row = int(np.flatnonzero(heights[:, 0] <= 0)[0])
        raise ValueError(
            f"row {row} is no projection of columns, its last number is {heights[row, 0]:.3g}: index again"
        )
    dims = vectors.shape[1] - 1
    return np.asarray(vectors[:, :-1] * (np.sqrt(dims) / heights), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column as it was when the scaler was fitted.

    Args:
        name: Of the column.
        median: Stands in for a missing value.
        centre: Comes off every value: the mean, or the least value.
        spread: Divides what is left: the standard deviation, or the range; 0 where all values were equal, and the
            column says nothing.
    """

    name: str
    median: float
    centre: float
    spread: float


@dataclass(frozen=True, slots=True)
class Categories:
    """A categorical column as it was when the scaler was fitted.

    Args:
        name: Of the column.
        known: Its categories, most frequent first; fewer than two say nothing.
        others: How many rarer ones share one column beside these.
    """

    name: str
    known: tuple[str, ...]
    others: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Name its one-hot columns."""
        if len(self.known) < 2:
            return ()
        return (*(f"{self.name}={value}" for value in self.known), *([f"{self.name}=*"] if self.others else []))

    def unseen(self, values: Sequence[str]) -> int:
        """Count the values that have no column; where rarer ones share one, all have."""
        known = {"", *self.known}
        return 0 if self.others else sum(value not in known for value in values)


@dataclass(frozen=True, slots=True)
class FeatureScaler:
    """Turns numbers and categories into columns of one scale, as it was fitted once for all later rows.

    Args:
        scale: `standard` for mean 0 and standard deviation 1, `minmax` for 0 to 1.
        numeric: Its numeric columns, those that say nothing among them.
        categorical: Its categorical columns, likewise.
    """

    scale: Scale
    numeric: tuple[Numbers, ...]
    categorical: tuple[Categories, ...]

    @property
    def name(self) -> str:
        """Name the scaler; vectors made by two of different names never mix."""
        return f"columns {hashlib.blake2b(self.to_bytes(), digest_size=6).hexdigest()}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns it makes: d of them."""
        numbers = (column.name for column in self.numeric if column.spread)
        return (*numbers, *(name for column in self.categorical for name in column.columns))

    @property
    def constant(self) -> tuple[str, ...]:
        """Name the columns that say nothing."""
        silent = [column.name for column in self.categorical if not column.columns]
        return (*(column.name for column in self.numeric if not column.spread), *silent)

    def transform(self, numeric: Mapping[str, Floats], categorical: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
        """Put values on the common scale.

        A missing number becomes the median, a missing category none of them, and one that was not there at fitting
        counts among the rarer ones, where there were any. Two products of different categories are sqrt(2) apart, as
        two random values of a standardised column are.

        Args:
            numeric: Column -> float64 (n,), NaN where a value is missing.
            categorical: Column -> n texts, empty where one is missing.

        Returns:
            float32 (n, d); rows that miss every column are NaN.
        """
        blocks, there = list[Floats](), list[NDArray[np.bool_]]()
        for number in self.numeric:
            if number.spread:
                values = np.asarray(numeric[number.name], dtype=np.float64)
                there.append(~np.isnan(values))
                scaled = (np.where(there[-1], values, number.median) - number.centre) / number.spread
                blocks.append(scaled.clip(-_FURTHEST, _FURTHEST)[:, None])
        for category in self.categorical:
            if category.columns:
                texts = categorical[category.name]
                there.append(np.array([text != "" for text in texts], dtype=bool))
                blocks.append(_one_hot(category, texts))
        columns = np.hstack(blocks)
        columns[~np.logical_or.reduce(there)] = np.nan
        return columns.astype(np.float32)

    def to_bytes(self) -> bytes:
        """Write the scaler as JSON."""
        return json.dumps({"kind": "columns", **asdict(self)}, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a scaler as `to_bytes` wrote it."""
        kept = json.loads(content)
        numeric = tuple(Numbers(**column) for column in kept["numeric"])
        categorical = (Categories(**{**column, "known": tuple(column["known"])}) for column in kept["categorical"])
        return cls(kept["scale"], numeric, tuple(categorical))


def fit_features(
    numeric: Mapping[str, Floats], categorical: Mapping[str, Sequence[str]], *, scale: Scale
) -> FeatureScaler:
    """Fit a scaler: of the numbers that are there, and of the categories, the 50 most frequent apart.

    Args:
        numeric: Column -> float64 (n,), NaN where a value is missing.
        categorical: Column -> n texts, empty where one is missing.
        scale: `standard` or `minmax`.

    Raises:
        ValueError: If the scale is another, a column holds infinite values or none at all, or all are constant.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got '{scale}'")
    if not numeric and not categorical:
        raise ValueError("at least one column is needed, got none: name some with --numeric or --categorical")
    scaler = FeatureScaler(
        scale,
        tuple(_fit_numbers(name, np.asarray(values, dtype=np.float64), scale) for name, values in numeric.items()),
        tuple(_fit_categories(name, values) for name, values in categorical.items()),
    )
    if not scaler.columns:
        raise ValueError(
            f"every column has the same value in all products ({', '.join(scaler.constant)}), so that they tell "
            "nothing apart: name others with --numeric or --categorical"
        )
    return scaler


def _fit_numbers(name: str, values: Floats, scale: Scale) -> Numbers:
    known = values[~np.isnan(values)]
    if not len(known):
        raise ValueError(f"no product has a number in column '{name}': leave it away, or name it with --categorical")
    if not np.isfinite(known).all():
        raise ValueError(f"column '{name}' holds infinite values: take them out first")
    least, most, median = float(known.min()), float(known.max()), float(np.median(known))
    with np.errstate(over="ignore"):
        centre, spread = (float(known.mean()), float(known.std())) if scale == "standard" else (least, most - least)
    if not np.isfinite([centre, spread]).all():
        raise ValueError(
            f"the values of column '{name}', up to {max(abs(least), abs(most)):.3g}, are too large to scale"
        )
    return Numbers(name, median, centre, spread if most > least else 0.0)


def _fit_categories(name: str, values: Sequence[str]) -> Categories:
    counts = Counter(value for value in values if value)
    if not counts:
        raise ValueError(f"no product has a category in column '{name}': leave it away")
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return Categories(name, tuple(ranked[:MOST_CATEGORIES]), len(ranked[MOST_CATEGORIES:]))


def _one_hot(column: Categories, values: Sequence[str]) -> Floats:
    """Give each category a column of 0 and 1, and the rarer ones one together."""
    position = {value: place for place, value in enumerate(column.known)}
    other = len(column.known) if column.others else -1
    places = np.array([position.get(value, other) if value else -1 for value in values], dtype=np.int64)
    columns = np.zeros((len(values), len(column.columns)))
    rows = np.flatnonzero(places >= 0)
    columns[rows, places[rows]] = 1
    return columns
