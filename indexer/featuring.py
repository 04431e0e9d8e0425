"""A further run over a store: columns of numbers and categories, or counts, become the vector `features`."""

import math
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .catalogue.formats import PRODUCT_FIELDS
from .catalogue.listens import Aggregate, Listens
from .clean import finite_number
from .embedders.features import FeatureScaler, Scale, fit_features, on_sphere
from .embedders.plays import Plays, fit_plays
from .store import FIELDS, Payload, ProductStore, new_run

FEATURES = "features"
KEPT = "features model"
"""Name under which a store keeps what was fitted."""

FeatureModel = FeatureScaler | Plays
Progress = Callable[[int], None]

_BATCH = 1000
_SAME = 1e-6  # an engine rounds what it keeps
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns make the vector.

    Args:
        numeric: Names of fields that hold numbers.
        categorical: Names of fields that hold categories.
        scale: `standard` or `minmax`.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    scale: Scale = "standard"

    def alike(self, other: "Columns") -> bool:
        """Say whether both make the same vectors, but for the order of their numbers."""
        return (set(self.numeric), set(self.categorical), self.scale) == (
            set(other.numeric),
            set(other.categorical),
            other.scale,
        )


@dataclass(slots=True)
class FeatureSummary:
    """What a run did, counted in products.

    Args:
        products: How many it looked at.
        written: Products whose vector is new or another.
        unchanged: Products that keep theirs.
        without: Products that have none, because every column is missing.
        columns: Numbers of a vector.
        fitted: Whether the model was fitted by this run, and not kept from an earlier one.
        imputed: Column -> products whose missing value was filled in with the median.
        unreadable: Column -> products, counted among the imputed, whose value is no number.
        constant: Columns that say nothing, because all products have the same value.
        others: Column -> categories too rare for a column of their own.
        unseen: Column -> products whose category was not there when the scaler was fitted, and counts for nothing.
        unknown: Counted things that the kept model has never seen.
    """

    products: int = 0
    written: int = 0
    unchanged: int = 0
    without: int = 0
    columns: int = 0
    fitted: bool = False
    imputed: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)
    constant: tuple[str, ...] = ()
    others: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)
    unknown: int = 0


def kept_model(store: ProductStore) -> FeatureModel | None:
    """Read what the store's features were made with; None when it has none."""
    content = store.records.file(KEPT) if store.records.settings().feature_model else None
    if content is None:
        return None
    return FeatureScaler.from_bytes(content) if content[:1] == b"{" else Plays.from_bytes(content)


def columns_of(scaler: FeatureScaler) -> Columns:
    """Say which columns a scaler was asked for."""
    numeric, categorical = (tuple(each.name for each in part) for part in (scaler.numeric, scaler.categorical))
    return Columns(numeric, categorical, scaler.scale)


def index_features(
    store: ProductStore,
    asked: Columns | None = None,
    *,
    refit: bool = False,
    progress: Progress = lambda products: None,
) -> FeatureSummary:
    """Make the vector `features` of the products' fields, and write it where it is new or another.

    The scaler is fitted by the first run, and again when other columns are asked for or `refit` is; later runs use it
    as it was kept, so that vectors of all runs can be compared.

    Args:
        store: Filled by `index_products`.
        asked: Columns; None for those of the kept scaler.
        refit: Whether to fit the scaler again.
        progress: Called with the number of products done.

    Raises:
        LookupError: If the store holds no products, or no scaler is kept and no columns are asked for.
        ValueError: If a column holds nothing that can be used, or all are constant.
    """
    kept = kept_model(store)
    if asked is None:
        if not isinstance(kept, FeatureScaler):
            raise LookupError(
                f"collection '{store.name}' has no features: name columns with --numeric or --categorical"
            )
        asked = columns_of(kept)
    with _recorded(store, {"columns": [*asked.numeric, *asked.categorical], "scale": asked.scale}) as summary:
        if isinstance(kept, FeatureScaler) and columns_of(kept).alike(asked):
            asked = columns_of(kept)  # in their order
        ids, numeric, categorical, summary.unreadable = _read(store, asked)
        if isinstance(kept, FeatureScaler) and columns_of(kept).alike(asked) and not refit:
            scaler = kept
        else:
            scaler, summary.fitted = fit_features(numeric, categorical, scale=asked.scale), True
        columns = scaler.transform(numeric, categorical)
        has = ~np.isnan(columns[:, 0])
        missing = {name: int((np.isnan(values) & has).sum()) for name, values in numeric.items()}
        summary.imputed = {name: count for name, count in missing.items() if count and name not in scaler.constant}
        summary.constant = scaler.constant
        summary.others = {each.name: each.others for each in scaler.categorical if each.others}
        strange = {each.name: each.unseen(categorical[each.name]) for each in scaler.categorical}
        summary.unseen = {name: count for name, count in strange.items() if count}
        _write(store, scaler, ids, columns, summary, progress)
    return summary


def index_listens(
    store: ProductStore,
    listens: Listens,
    aggregate: Aggregate,
    *,
    seed: int,
    refit: bool = False,
    progress: Progress = lambda products: None,
) -> FeatureSummary:
    """Make the vector `features` of counts, and write it where it is new or another.

    The model is fitted by the first run, and again when other columns are asked for or `refit` is, on these listens
    alone: products that are not among them lose their vector then. Later runs place what they bring in the kept model.

    Args:
        store: Holds the products of the listens.
        listens: As `read_listens` gives them.
        aggregate: Their columns.
        seed: Of the model.
        refit: Whether to fit the model again.
        progress: Called with the number of products done.

    Raises:
        ValueError: If there are too few products to fit a model on.
    """
    kept = kept_model(store)
    with _recorded(store, {"over": aggregate.over, "times": aggregate.times, "seed": seed}) as summary:
        if isinstance(kept, Plays) and (kept.over, kept.times) == aggregate and not refit:
            plays = kept
            summary.unknown = len(set(listens.values).difference(plays.values))
        else:
            over, times = aggregate
            plays = fit_plays(listens.counts, listens.values, over=over, times=times, seed=seed)
            summary.fitted = True
        columns = plays.transform(listens.counts, listens.values)
        ids = [product.product_id for product in listens.products]
        if summary.fitted and FEATURES in store.dims():
            store.drop_vector(FEATURES)  # those of another model cannot stand beside these
        _write(store, plays, ids, columns, summary, progress)
    return summary


@contextmanager
def _recorded(store: ProductStore, parameters: dict[str, Any]) -> Iterator[FeatureSummary]:
    """Keep a record of the run."""
    run, started, summary, finished = new_run("features", parameters), time.monotonic(), FeatureSummary(), False
    store.records.save_run(run)
    try:
        yield summary
        finished = True
    finally:
        results = {name: getattr(summary, name) for name in summary.__slots__}
        ended = replace(run, state="done" if finished else "failed", seconds=time.monotonic() - started)
        store.records.save_run(replace(ended, results=results))


def _read(
    store: ProductStore, asked: Columns
) -> tuple[list[str], dict[str, NDArray[np.float64]], dict[str, list[str]], dict[str, int]]:
    """Read ids, numbers and categories of all products, and count the values that are no numbers."""
    ids, unreadable = list[str](), Counter[str]()
    numeric = {name: array("d") for name in asked.numeric}
    categorical: dict[str, list[str]] = {name: [] for name in asked.categorical}
    for page in store.pages((FIELDS, *asked.numeric, *asked.categorical)):
        for payload in (found.payload for found in page):
            ids.append(payload["product_id"])
            for name, numbers in numeric.items():
                value = _value(payload, name)
                numbers.append(number := _number(value))
                unreadable[name] += math.isnan(number) and value not in ("", "nan", "NaN")
            for name, texts in categorical.items():
                texts.append(str(_value(payload, name)))
    arrays = {name: np.frombuffer(numbers, dtype=np.float64) for name, numbers in numeric.items()}
    return ids, arrays, categorical, dict(+unreadable)


def _value(payload: Payload, name: str) -> Any:
    """Read a field of a product, of a list all, an empty text for nothing; a label may be called as an own field is."""
    value = payload.get(name) if name in PRODUCT_FIELDS else payload.get(FIELDS, {}).get(name)
    if isinstance(value, list):
        return " > ".join(map(str, value))
    return "" if value is None else value


def _number(value: Any) -> float:
    """Read a finite number, or true and false as 1 and 0; NaN for anything else."""
    return _TRUTH.get(str(value).lower(), finite_number(value))


def _write(
    store: ProductStore,
    model: FeatureModel,
    ids: Sequence[str],
    columns: NDArray[np.float32],
    summary: FeatureSummary,
    progress: Progress,
) -> None:
    """Write the vectors that are new or another, and take away those of products that have none any more."""
    has = ~np.isnan(columns[:, 0])
    vectors = on_sphere(columns[has])
    summary.products, summary.without, summary.columns = len(ids), int((~has).sum()), columns.shape[1]
    if summary.fitted:
        if store.dims().get(FEATURES, vectors.shape[1]) != vectors.shape[1]:
            store.drop_vector(FEATURES)
        store.records.save_file(KEPT, model.to_bytes())
        store.records.save_settings(replace(store.records.settings(), feature_model=model.name))
    rows = iter(vectors)
    wanted = {product_id: next(rows) if there else None for product_id, there in zip(ids, has, strict=True)}
    pending = iter(wanted.items())
    while some := dict(islice(pending, _BATCH)):
        before = store.vectors_of(list(some), FEATURES) if FEATURES in store.dims() else {}
        new = {i: vector for i, vector in some.items() if vector is not None and not _same(vector, before.get(i))}
        gone = [i for i, vector in some.items() if vector is None and before.get(i) is not None]
        if new or gone:
            store.set_vectors(FEATURES, new, {}, without=gone)
        summary.written += len(new)
        progress(len(some))
    summary.unchanged = len(vectors) - summary.written
    if summary.written and store.label_names():
        store.build_index()


def _same(vector: NDArray[np.float32], before: NDArray[np.float32] | None) -> bool:
    return before is not None and bool(np.abs(vector - before).max() < _SAME)
