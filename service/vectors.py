"""The vectors a method works on, whichever kind was asked for, with the payload that goes beside them."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from clustering.fused import fused_vectors, has_vector
from indexer.embedders.features import on_plane
from indexer.embedders.plays import PLAYS
from indexer.store import FIELDS, UNLABELLED, VECTOR_STEPS, ProductStore

from .fusion import shares_of

On = Literal["text", "image", "features", "fused"]
ON: tuple[On, ...] = get_args(On)


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """The products that have a vector, as rows.

    Args:
        ids: n product ids.
        vectors: float32 (n, dim): of length 1; on `features` standardised columns, of any length.
        columns: Payload key, or a user's own field -> n values, None where a product has none.
        left_out: Ids of the products without the vector.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    columns: Mapping[str, list[Any]]
    left_out: list[str]


def take_vectors(
    store: ProductStore, on: str, *, keys: Sequence[str] = (), weights: Mapping[str, float] | None = None
) -> Taken:
    """Read the vectors a method works on.

    Args:
        store: Filled by `index`.
        on: One of `ON`; `fused` is text and picture, in the shares given, chosen by `tune-fusion`, or alike.
        keys: What else is wanted of each product: payload keys, label names or fields of the user's own.
        weights: Kind of vector -> its share, where they are fused.

    Raises:
        LookupError: If there are no products, or none has such a vector.
        ValueError: If `on` is none of `ON`, or a weight is out of range.
    """
    kinds = _kinds(on)
    own = set(store.records.settings().field_names)
    wanted = sorted({FIELDS if key in own else key for key in keys})
    taken = store.take(wanted)  # says so when there are no products
    for kind in kinds:
        if kind not in store.dims():
            raise LookupError(f"collection '{store.name}' has no vector '{kind}': {VECTOR_STEPS[kind]}")
    blocks = [np.asarray(store.vectors(kind), dtype=np.float32) for kind in kinds]
    vectors = blocks[0] if on != "fused" else fused_vectors(blocks, list(shares_of(store, weights).values()))
    rows: list[int] = np.flatnonzero(has_vector(vectors)).tolist()
    if not rows:
        raise LookupError(f"no product of collection '{store.name}' has a vector '{on}': {VECTOR_STEPS[kinds[-1]]}")
    left_out = sorted(set(range(len(vectors))).difference(rows))
    if left_out:
        vectors = vectors[rows]
    if on == "features":
        vectors = on_plane(vectors)
    return Taken(
        [taken.ids[row] for row in rows],
        vectors,
        {key: [_value(taken.columns, key, row, own) for row in rows] for key in keys},
        [taken.ids[row] for row in left_out],
    )


def usual(store: ProductStore) -> On:
    """Say which vectors are taken where nobody says so: features, where these are made of listens, else text."""
    return "features" if made_of_plays(store) else "text"


def made_of_plays(store: ProductStore) -> bool:
    """Say whether products have vectors made of a table of listens."""
    return store.records.settings().feature_model.startswith(PLAYS) and "features" in store.dims()


def made_by(store: ProductStore, on: str) -> dict[str, str]:
    """Name the models that make the vectors a method works on: kind of vector -> name, with a fingerprint if learned.

    Raises:
        ValueError: If `on` is none of `ON`.
    """
    settings = store.records.settings()
    names = {"text": settings.text_model, "image": settings.image_model, "features": settings.feature_model}
    return {kind: names[kind] for kind in _kinds(on)}


def _kinds(on: str) -> tuple[str, ...]:
    """Name the vectors it takes."""
    if on not in ON:
        raise ValueError(f"--on is one of {', '.join(ON)}, got '{on}'")
    return ("text", "image") if on == "fused" else (on,)


def _value(columns: Mapping[str, Sequence[Any]], key: str, row: int, own: Container[str]) -> Any:
    """Read one value of one product, from its own fields where the key is one of them."""
    return (columns[FIELDS][row] or {}).get(key) if key in own else columns[key][row]


def label_column(values: Iterable[int | None]) -> NDArray[np.int64]:
    """Turn a label's column into numbers, int64 (n,): noise is -1, `UNLABELLED` stands where a product has none."""
    return np.array([UNLABELLED if value is None else value for value in values], dtype=np.int64)
