"""The table of methods: what each is called, what can be set, how many rows it takes, and one way to run them all."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .models import Model
from .progress import in_rows
from .rows import check_rows, check_sample

FloatArray = NDArray[np.float32]
Progress = Callable[[int], object]
Fit = Callable[..., Clustering[Model]]

GIVEN = frozenset({"vectors", "seed", "progress"})  # what `run` itself passes on
SAMPLE = "sample"  # may be set for every method
LEAST: Mapping[str, float] = {
    "sample": 2,
    "min_cluster_size": 2,
    "neighbours": 2,
    "dims": 1,
    "noise_level": 0,
    "min_dist": 0,
    "noise": 0,
    "prior_weight": 0,
    "clustering_weight": 0,
}
"""Name of a parameter -> the least it may be, where that is not 1 for whole numbers and above 0 for others."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that can be set.

    Args:
        name: As in `--set name=value`.
        type: Its annotation: int, float, bool, str, a Literal, or one of these or None.
        default: Its value when it is not set; `REQUIRED` where there is none.
    """

    name: str
    type: Any
    default: Any


REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Method:
    """One way to cluster.

    Args:
        name: As in `--method name`.
        fit: Vectors, and keyword-only a seed and what can be set, to a clustering: a function, or `module:function` of
            this room, loaded when it is used.
        summary: What it does, in one line.
        most_rows: Rows beyond which it refuses; None for no limit.
        bytes_a_pair: Memory for every pair of rows, where that is what limits it.
        narrow: Columns up to which it takes any number of rows.
    """

    name: str
    fit: Fit | str
    summary: str
    most_rows: int | None = None
    bytes_a_pair: int = 0
    narrow: int = 0

    @property
    def function(self) -> Fit:
        """The function."""
        if not isinstance(self.fit, str):
            return self.fit
        module, name = self.fit.split(":")
        found: Fit = getattr(import_module(f".{module}", __package__), name)
        return found


_ROWS = (
    Method("kmeans", "kmeans:kmeans", "k clusters around their centres; the fastest (Faiss, CPU or GPU)"),
    Method("minibatch-kmeans", "minibatch:minibatch_kmeans", "k-means learned from small batches of rows"),
    Method(
        "hdbscan", "hdbscan:hdbscan", "dense places of any shape, the rest is noise; finds their number", 50_000,
        narrow=60,  # of wider rows the library compares all with all, on one core
    ),
    Method("umap+hdbscan", "umap_methods:umap_hdbscan", "HDBSCAN in a few dimensions made by UMAP"),
    Method("umap+kmeans", "umap_methods:umap_kmeans", "k-means in a few dimensions made by UMAP"),
    Method("evoc", "evoc:evoc", "dense places of embeddings at several scales, the rest is noise (EVoC)"),
    Method("dbscan", "dbscan:dbscan", "rows that have enough neighbours within a distance, the rest is noise", 100_000),
    Method("agglomerative", "agglomerative:agglomerative", "a tree of merges, cut by count or by distance", 20_000, 16),
    Method("gmm", "mixture:mixture", "a mixture of Gaussians with soft memberships; finds k by BIC", 50_000),
    Method("depict", "depict:depict", "a network that learns to reconstruct and to cluster rows together", 200_000),
)  # fmt: skip
METHODS: Mapping[str, Method] = {method.name: method for method in _ROWS}
"""Name -> method."""


def method_named(name: str) -> Method:
    """Find a method.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in METHODS:
        raise ValueError(f"there is no method '{name}'{_meant(name, METHODS)}: choose one of {', '.join(METHODS)}")
    return METHODS[name]


@cache
def parameters(method: Method) -> Mapping[str, Parameter]:
    """List what can be set for a method, read from its function's signature; `sample` for all."""
    own = {
        each.name: Parameter(each.name, each.annotation, each.default)
        for each in inspect.signature(method.function).parameters.values()
        if each.name not in GIVEN
    }
    return {**own, SAMPLE: Parameter(SAMPLE, int | None, None)}


def settings_of(method: Method, pairs: Mapping[str, str]) -> dict[str, Any]:
    """Read what was set as text.

    Args:
        method: Whose parameters they are.
        pairs: Name of a parameter -> its value as text; "none" where it may be None.

    Raises:
        ValueError: If there is no such parameter, or a value is of the wrong type or out of range.
    """
    _check_names(method, pairs)
    return {key: read_value(parameters(method)[key], text) for key, text in pairs.items()}


def run(
    name: str, vectors: FloatArray, *, seed: int, settings: Mapping[str, Any], progress: Progress | None = None
) -> Clustering[Model]:
    """Cluster rows by the method of that name, as `run_method` does."""
    return run_method(method_named(name), vectors, seed=seed, settings=settings, progress=progress)


def run_method(
    method: Method, vectors: FloatArray, *, seed: int, settings: Mapping[str, Any], progress: Progress | None = None
) -> Clustering[Model]:
    """Cluster rows, after a look at whether they can be.

    Args:
        method: One of `METHODS`, or of the same shape.
        vectors: float32 (n, d): of length 1, or standardised columns of any length.
        seed: Decides all that is random.
        settings: Of `parameters(method)`; `sample` fits on so many rows, drawn by the seed, and predicts the rest.
        progress: Called with the rows done since it was last called, n in all, by methods that can tell.

    Returns:
        The clustering. Its figures say `sampled`, how many rows it was fitted on, where these are not all: the method's
        own, such as inertia, are of these rows only; and `constant_columns`, which columns say nothing, where there are
        any.

    Raises:
        ValueError: If there is no such setting, too few or too many rows, only identical ones, or a value that is no
            finite number or past 1e15.
    """
    _check_names(method, settings)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    check_rows(vectors)
    options = {key: value for key, value in settings.items() if key != SAMPLE}
    sample = settings.get(SAMPLE)
    if sample is not None and sample < LEAST[SAMPLE]:
        raise ValueError(f"{SAMPLE} must be at least {LEAST[SAMPLE]}, got {sample}")
    fitted = len(vectors) if sample is None else min(sample, len(vectors))
    _check_k(method, options, fitted)
    _check_size(method, fitted, vectors.shape[1])
    if progress is not None and "progress" in inspect.signature(method.function).parameters:
        options["progress"] = progress if fitted == len(vectors) else _of_all(progress, fitted, len(vectors))
    if fitted == len(vectors):
        found = method.function(vectors, seed=seed, **options)
    else:
        found = _by_sample(method, vectors, fitted, seed=seed, options=options)
    constant = np.flatnonzero(np.ptp(vectors, axis=0) == 0).tolist()
    return replace(found, figures={**found.figures, "constant_columns": constant}) if constant else found


def _by_sample(
    method: Method, vectors: FloatArray, sample: int, *, seed: int, options: Mapping[str, Any]
) -> Clustering[Model]:
    """Fit on some rows and let the model place the rest."""
    drawn = np.zeros(len(vectors), bool)
    drawn[np.random.default_rng(seed).choice(len(vectors), sample, replace=False)] = True
    rows = vectors[drawn]
    check_sample(rows)
    found = method.function(rows, seed=seed, **options)
    labels, memberships = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float32)
    labels[drawn], (labels[~drawn], others) = found.labels, found.model.predict(vectors[~drawn])
    both = found.memberships is not None and others is not None
    if both:
        memberships[drawn], memberships[~drawn] = found.memberships, others
    return Clustering(labels, found.model, memberships if both else None, {**found.figures, "sampled": sample})


def _of_all(progress: Progress, fitted: int, n: int) -> Progress:
    """Let a method that counts the rows of its sample tell of as large a share of all rows."""
    tell, placed = in_rows(progress, n), 0

    def done(rows: int) -> None:
        nonlocal placed
        placed += rows
        tell(placed / fitted)

    return done


def _check_names(method: Method, names: Mapping[str, Any]) -> None:
    known = parameters(method)
    for name in names:
        if name not in known:
            raise ValueError(f"{method.name} has no setting '{name}'{_meant(name, known)}: it has {', '.join(known)}")


def _meant(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, 1)
    return f", did you mean '{near[0]}'" if near else ""


def _check_k(method: Method, options: Mapping[str, Any], n: int) -> None:
    known, k = parameters(method), options.get("k")
    if "k" in known and known["k"].default is REQUIRED and k is None:
        raise ValueError(f"{method.name} needs k, the number of clusters: set k, or ask `assort choose-k` for one")
    if k is not None and not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k}")


def _check_size(method: Method, n: int, columns: int) -> None:
    if method.most_rows is None or n <= method.most_rows or columns <= method.narrow:
        return
    wide = f" of more than {method.narrow} columns" if method.narrow else ""
    memory = f", it would need {method.bytes_a_pair * n * (n - 1) / 2e9:.1f} GB" if method.bytes_a_pair else ""
    raise ValueError(
        f"{method.name} takes at most {method.most_rows:,} rows{wide}, got {n:,}{memory}: "
        f"set sample={method.most_rows} to fit it on so many and predict the rest"
    )


def read_value(parameter: Parameter, text: str) -> Any:
    """Read the value of one parameter from text.

    Raises:
        ValueError: If it is of the wrong type or out of range.
    """
    accepted = get_args(parameter.type) if NoneType in get_args(parameter.type) else (parameter.type,)
    if NoneType in accepted and text.lower() == "none":
        return None
    kind = next(each for each in accepted if each is not NoneType)
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueError(f"{parameter.name} is one of {', '.join(get_args(kind))}, got '{text}'")
        return text
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{parameter.name} is true or false, got '{text}'")
        return text.lower() == "true"
    return _number(parameter.name, kind, text) if kind in (int, float) else text


def _number(name: str, kind: type[int] | type[float], text: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{name} is {'a whole' if kind is int else 'a'} number, got '{text}'") from None
    least = LEAST.get(name, 1 if kind is int else 0)
    if not np.isfinite(value) or value < least or (kind is float and name not in LEAST and value == 0):
        above = "at least" if kind is int or name in LEAST else "above"
        raise ValueError(f"{name} must be {above} {least}, got {text}")
    return value
