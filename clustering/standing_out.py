"""Names for clusters of products that have columns but no telling titles: what sets them apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .distinct import told_apart

LEAST_SHARE = 0.2  # of the products that a value must hold to name them
LEAST_LIFT = 1.5  # times as frequent as among all products
LEAST_DEVIATION = 0.5  # standard deviations by which a mean must differ to be worth a word
COLUMNS = 2
MOST_CLUSTERS = 2000  # of more, each is so small that little stands out
MOST_VALUES = 500  # different texts of a column beyond which it says who a product is, not of what kind


def standing_out(
    fields: Sequence[Mapping[str, Any] | None], labels: NDArray[np.int64], clusters: Sequence[int]
) -> dict[int, str]:
    """Name clusters by the value most typical of them and the numbers in which they differ most from all products.

    Args:
        fields: n products' columns: texts or numbers.
        labels: int64 (n,), below 0 for none.
        clusters: Which to name; the first `MOST_CLUSTERS` of them are.

    Returns:
        Cluster -> name, such as "jazz, high acousticness"; none where nothing stands out.
    """
    names = sorted({name for values in fields if values for name in values})
    columns = {name: [(values or {}).get(name) for values in fields] for name in names}
    texts = {name: column for name, column in columns.items() if _is_kind(column)}
    numbers = {name: _as_numbers(column) for name, column in columns.items() if name not in texts}
    everywhere = {name: Counter(value for value in column if isinstance(value, str)) for name, column in texts.items()}
    deviations = {name: _deviations(column) for name, column in numbers.items()}
    found = {}
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    for cluster in clusters[:MOST_CLUSTERS]:
        rows = order[slice(*np.searchsorted(ordered, [cluster, cluster + 1]))]
        words = [*_typical(texts, everywhere, rows), *_far(deviations, rows)]
        if words:
            found[int(cluster)] = ", ".join(words)
    return told_apart(found)


def _is_kind(column: Sequence[Any]) -> bool:
    values = {value for value in column if isinstance(value, str)}
    return 1 < len(values) <= min(MOST_VALUES, max(2, len(column) // 2))


def _as_numbers(column: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([value if isinstance(value, int | float) else np.nan for value in column], dtype=np.float64)


def _deviations(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure values in standard deviations from the mean; 0 where there is none."""
    there = np.isfinite(column)
    if not there.any() or column[there].std() == 0:
        return np.zeros(len(column))
    return np.where(there, (np.where(there, column, 0) - column[there].mean()) / column[there].std(), 0.0)


def _typical(
    texts: Mapping[str, Sequence[Any]], everywhere: Mapping[str, Mapping[Any, int]], rows: NDArray[np.int64]
) -> list[str]:
    """Give the value that is most frequent here beside its frequency everywhere; none where none is typical."""
    best, weight = "", 0.0
    for name, column in texts.items():
        for value, count in Counter(column[row] for row in rows.tolist() if isinstance(column[row], str)).items():
            share, lift = count / len(rows), (count / len(rows)) / (everywhere[name][value] / len(column))
            worth = share * float(np.log(lift))
            if share >= LEAST_SHARE and lift >= LEAST_LIFT and (worth, best) > (weight, value):
                best, weight = value, worth
    return [best] if best else []


def _far(deviations: Mapping[str, NDArray[np.float64]], rows: NDArray[np.int64]) -> list[str]:
    """Name the numbers in which some rows differ most."""
    means = {name: float(column[rows].mean()) for name, column in deviations.items()}
    far = sorted((name for name in means if abs(means[name]) >= LEAST_DEVIATION), key=lambda name: -abs(means[name]))
    return [f"{'high' if means[name] > 0 else 'low'} {name}" for name in far[:COLUMNS]]
