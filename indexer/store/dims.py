"""The dense vectors of a collection: which there are, how long they are, and how products come by one."""

from collections.abc import Mapping

VECTOR_STEPS: Mapping[str, str] = {
    "text": "run `assort index CATALOGUE` first",
    "image": "run `assort index CATALOGUE --images download`, or --images FOLDER",
    "features": "run `assort index CATALOGUE --numeric COLUMN,...`, or --aggregate for listens",
}
"""Kind of vector -> the step that gives it to products."""


def dim_of(name: str, dims: Mapping[str, int], *, collection: str) -> int:
    """Say how long a vector is.

    Args:
        name: Of the vector.
        dims: Those of the collection.
        collection: Its name.

    Raises:
        ValueError: If the collection has no such vector.
    """
    if name not in dims:
        step = f": {VECTOR_STEPS[name]}" if name in VECTOR_STEPS else ""
        raise ValueError(f"collection '{collection}' has no vector '{name}', only {', '.join(dims) or 'none'}{step}")
    return dims[name]


def check_dims(wanted: Mapping[str, int], dims: Mapping[str, int], *, collection: str) -> None:
    """Check that vectors are as long as those that are there.

    Raises:
        ValueError: If they are not.
    """
    existing = {name: dim for name, dim in dims.items() if name in wanted}
    if existing != dict(wanted):
        raise ValueError(
            f"collection '{collection}' holds vectors of {existing} dimensions, the model makes {dict(wanted)}: "
            "index with the model it was made with, or into another --collection"
        )
