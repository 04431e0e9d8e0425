"""The engine for a model and a speed: made ready once, measured against the original on the user's own texts."""

import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import exported, static
from .cache import cache_folder, loaded, model_key
from .exported import CannotExport, ExportedEngine, export
from .loss import Loss, measure_loss
from .models import ModelUnavailable, load_model, model_folder
from .original import OriginalEngine
from .static import StaticEngine, Teacher, distil
from .tiers import TIERS, Kind, Speed

_SAMPLE = 200
_IN_WORDS: dict[Kind, str] = {
    "half": "float16",
    "int8": "int8 weights in OpenVINO",
    "float16": "OpenVINO",
    "static": "distilled to one vector a token",
}


class Engine(Protocol):
    """Turns texts into vectors one way."""

    dim: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), rows of length 1."""


class EngineChoice:
    """Finds the engine for one model and speed; loads no more of either than the question needs.

    Args:
        model: Name on the Hugging Face hub, or a folder.
        speed: Which tier.
    """

    def __init__(self, model: str, speed: Speed) -> None:
        self._model, self._speed, self._tier = model, speed, TIERS[speed]
        self._opened: dict[Kind, Engine] = {}

    @cached_property
    def _original(self) -> tuple[Any, str]:
        return load_model(self._model)

    def dim(self) -> int:
        """Say the dimensions of a vector."""
        if self._tier.own_space:
            try:
                return self._open(self._tier.kinds[0]).dim
            except (CannotExport, OSError) as error:
                raise self._unavailable([str(error)]) from None
        return int(self._original[0].get_embedding_dimension())

    def choose(self, texts: Sequence[str]) -> tuple[Engine, str]:
        """Choose an engine, and say in words which, and how far it is from the original.

        Args:
            texts: The first to be embedded, all different. A long list is measured on; for a short one what was
                measured before suffices, so that a search need not wait for PyTorch.

        Raises:
            ModelUnavailable: If the model cannot be had, or not at this speed.
        """
        if len(texts) < _SAMPLE and (remembered := self._remembered()):
            return remembered
        sample = [texts[row] for row in np.linspace(0, len(texts) - 1, min(len(texts), _SAMPLE)).astype(int)]
        model, origin = self._original
        vectors, refusals = OriginalEngine(model).embed(sample), dict[str, None]()
        for kind in self._tier.kinds if model.device.type == "cpu" else self._tier.on_gpu:
            try:
                engine = self._open(kind)
            except (CannotExport, OSError) as error:
                refusals[str(error)] = None
                continue
            loss = measure_loss(vectors, engine.embed(sample), same_space=not self._tier.own_space)
            if self._tier.floor is None or (loss.cosine or 0) >= self._tier.floor:
                self._remember(kind, loss)
                return engine, self._note(origin, engine, f"{_IN_WORDS[kind]}, {loss}")
            self._forget(kind)
            refusals[f"{_IN_WORDS[kind]} has {loss}, less than {self._tier.floor}"] = None
        if self._tier.own_space:
            raise self._unavailable(list(refusals))
        engine = OriginalEngine(model, max_tokens=self._tier.max_tokens)
        return engine, self._note(origin, engine, f"PyTorch on {model.device}; not faster, for {'; '.join(refusals)}")

    def _open(self, kind: Kind) -> Engine:
        """Load an engine, made first where the cache does not have it."""
        if kind not in self._opened:
            self._opened[kind] = self._made(kind)
        return self._opened[kind]

    def _made(self, kind: Kind) -> Engine:
        if kind == "half":
            return OriginalEngine(self._original[0], half=True, max_tokens=self._tier.max_tokens)
        if kind == "static":
            return loaded(
                self._key(kind), lambda folder: distil(self._original[0], self._teacher(), folder), StaticEngine
            )
        return self._exported(kind, self._tier.max_tokens)

    def _teacher(self) -> Teacher:
        """Give the fastest engine to distil from, rounded weights being near enough to learn from."""
        if self._original[0].device.type == "cpu":
            with suppress(CannotExport, OSError):
                return self._exported("int8")
        return OriginalEngine(self._original[0])

    def _exported(self, kind: Kind, max_tokens: int | None = None) -> ExportedEngine:
        return loaded(
            self._key(kind),
            lambda folder: export(self._original[0], folder, int8=kind == "int8"),
            lambda folder: ExportedEngine(folder, max_tokens=max_tokens),
        )

    @cached_property
    def _model_key(self) -> str:
        folder = model_folder(self._model)
        if folder is None:
            raise CannotExport("its weights lie in no folder")
        return model_key(self._model, folder)

    def _key(self, kind: Kind) -> str:
        return f"{self._model_key}-{static.engine_name() if kind == 'static' else exported.engine_name(kind)}"

    def _remembered(self) -> tuple[Engine, str] | None:
        """Give the engine that was measured good on this machine before; None where there is none."""
        for kind in self._tier.kinds:
            with suppress(CannotExport, OSError):
                if (loss := self._measured(kind)) is None:
                    continue
                engine = self._open(kind)
                how = f"{_IN_WORDS[kind]}, {loss} before; these texts are too few to measure on"
                return engine, self._note("made ready before", engine, how)
        return None

    def _measured(self, kind: Kind) -> Loss | None:
        with suppress(OSError, ValueError, TypeError):  # not there, or damaged: it will be measured again
            return Loss(**json.loads(self._verdict(kind).read_text(encoding="utf-8")))
        return None

    def _remember(self, kind: Kind, loss: Loss) -> None:
        """Keep what was measured, unless it is the verdict of a few texts on a promise."""
        if kind == "half" or (self._tier.floor is not None and loss.texts < _SAMPLE):
            return
        file = self._verdict(kind)
        with suppress(OSError):  # a cache that others filled may be read-only here: measure again next time
            with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".loss-", delete=False) as part:
                json.dump(asdict(loss), part)
            Path(part.name).replace(file)

    def _forget(self, kind: Kind) -> None:
        with suppress(CannotExport, OSError):
            self._verdict(kind).unlink(missing_ok=True)

    def _verdict(self, kind: Kind) -> Path:
        return cache_folder() / self._key(kind) / f"loss-{self._speed}.json"

    def _note(self, origin: str, engine: Engine, how: str) -> str:
        return f"{self._model} ({origin}, {engine.dim} dimensions), {self._speed}: {how}"

    def _unavailable(self, refusals: Sequence[str]) -> ModelUnavailable:
        return ModelUnavailable(
            f"model '{self._model}' cannot be had at speed {self._speed}: {'; '.join(refusals)}; "
            "mend that, or index with --speed accurate into another --collection"
        )
