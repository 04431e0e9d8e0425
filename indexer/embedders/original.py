"""A sentence transformer as it is, in PyTorch: what the faster engines are measured against."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BATCH = {"cpu": 32, "cuda": 512}
_TOKEN_BATCH = 512


class OriginalEngine:
    """Embeds with PyTorch, on the GPU when there is one.

    Args:
        model: A `SentenceTransformer`; left as it is.
        half: Compute in float16, for a GPU's matrix units.
        max_tokens: Cut texts here if the model would not cut them earlier.
    """

    def __init__(self, model: Any, *, half: bool = False, max_tokens: int | None = None) -> None:
        self._model = copy.deepcopy(model).half() if half else model
        self._max_tokens = max_tokens
        self._batch = _BATCH.get(model.device.type, _BATCH["cpu"])
        self.dim = int(model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), rows of length 1; sorted by length inside, so that little is padding."""
        with self._cut():
            vectors = self._model.encode(list(texts), batch_size=self._batch, show_progress_bar=False)
        vectors = np.array(vectors, dtype=np.float32, order="C")
        return _of_length_one(vectors)

    def embed_tokens(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Embed lists of token ids of one length as float32 (b, dim), rows of length 1."""
        import torch

        parts = []
        with torch.inference_mode():
            for start in range(0, len(tokens), _TOKEN_BATCH):
                ids = torch.tensor(tokens[start : start + _TOKEN_BATCH], device=self._model.device)
                features = self._model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
                parts.append(features["sentence_embedding"].float().cpu().numpy())
        return _of_length_one(np.concatenate(parts))

    @contextmanager
    def _cut(self) -> Iterator[None]:
        """Let the model cut texts at `max_tokens` inside the `with` block; other engines may share it."""
        own = self._model.max_seq_length
        if not self._max_tokens or not isinstance(own, int) or own <= self._max_tokens:
            yield  # nothing to cut, or a model that takes any length and cannot be told otherwise
            return
        self._model.max_seq_length = self._max_tokens
        try:
            yield
        finally:
            self._model.max_seq_length = own


def _of_length_one(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return vectors
