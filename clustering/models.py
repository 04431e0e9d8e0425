"""Fitted models: they put new rows into clusters that were found, and are kept as safetensors, never as pickles."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Memberships = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]


class Model(Protocol):
    """What remains of a clustering once the rows are gone; it survives `to_bytes` and `from_bytes`."""

    kind: ClassVar[str]
    """Its name in `KINDS`."""

    def predict(self, vectors: NDArray[np.float32]) -> tuple[Labels, Memberships | None]:
        """Find the cluster of each new row.

        Args:
            vectors: float32 (m, d), made as the rows it was fitted on were.

        Returns:
            int64 (m,), -1 where a row belongs nowhere, and float32 (m,) how surely, None where the method cannot say.
        """

    def arrays(self) -> Arrays:
        """Give what was learned, as arrays."""

    def settings(self) -> Mapping[str, Any]:
        """Give the rest, as JSON knows it."""

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""


def check_width(vectors: NDArray[np.float32], width: int) -> None:
    """Refuse rows that are not as wide as those a model was fitted on.

    Raises:
        ValueError: If they are not.
    """
    if vectors.ndim != 2 or vectors.shape[1] != width:
        raise ValueError(f"the model knows rows of {width} values, got an array of shape {vectors.shape}")


def to_bytes(model: Model, about: Mapping[str, Any]) -> bytes:
    """Write a model as a safetensors file whose header tells, in JSON, what it is.

    Args:
        model: Of a kind in `KINDS`.
        about: Whatever else is to be known of it, as JSON knows it.
    """
    from safetensors.numpy import save

    header = {**described(model), "about": dict(about)}
    arrays = {name: np.ascontiguousarray(array) for name, array in model.arrays().items()}
    return bytes(save(arrays, metadata={"assort": json.dumps(header)}))


def from_bytes(content: bytes) -> tuple[Model, dict[str, Any]]:
    """Read a model and what is to be known of it, as `to_bytes` wrote them.

    Raises:
        ValueError: If it is no whole file of ours, or of a kind this version does not know.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")  # of the JSON header that every safetensors file begins with
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["assort"])
        return restored(header, arrays), header["about"]
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"this is no model that assort wrote: {said}; `assort model export` writes one") from error


def described(model: Model) -> dict[str, Any]:
    """Say what a model is, beside its arrays, as JSON knows it."""
    return {"kind": model.kind, "settings": dict(model.settings())}


def restored(description: Mapping[str, Any], arrays: Arrays) -> Model:
    """Make a model again from what `described` said and its arrays.

    Raises:
        ValueError: If this version does not know such models.
    """
    kind = description["kind"]
    if kind not in KINDS:
        raise ValueError(f"a model of kind '{kind}' is not known, only {', '.join(KINDS)}: update assort")
    module, name = KINDS[kind].split(":")
    model: type[Model] = getattr(import_module(f".{module}", __package__), name)
    return model.restored(arrays, description["settings"])


KINDS: Mapping[str, str] = {
    "centroids": "centroids:Centroids",
    "density": "density:Density",
    "mixture": "mixture:Mixture",
    "neighbours": "neighbours:NeighbourVote",
    "reduced": "reduced:Reduced",
    "depict": "depict:Depict",
}
"""Kind of model -> the module it lives in and its class."""
