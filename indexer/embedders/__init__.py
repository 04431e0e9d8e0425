"""Products become vectors: one `Embedder` a kind of content."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into vectors.

    Attributes:
        name: The model's name as recorded with the store; vectors of two names never mix.
        dim: Dimensions of a vector; asking for it may load the model.
    """

    name: str

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), C order, rows of length 1."""
