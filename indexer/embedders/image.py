"""Picture embeddings with vision transformers, any hub name or local path; CLIP and SigLIP put texts beside them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .models import Load, find_model
from .vision import DEFAULT_IMAGE_MODEL as DEFAULT_IMAGE_MODEL
from .vision import WAY_OUT, ImageModel, Prepared, Side, describe, picture_side, text_side

if TYPE_CHECKING:
    from PIL.Image import Image

Item = TypeVar("Item")
Done = TypeVar("Done")

_BATCH = {"cpu": 16, "cuda": 128}
_THREADS = {"cpu": 2, "cuda": 8}  # pictures are resized sooner than a processor can look at them, not than a GPU can


class Encoder:
    """One side of a model on the fastest device here, in half precision if that is not the processor.

    Args:
        side: As `picture_side` or `text_side` loads it.
    """

    def __init__(self, side: Side) -> None:
        self.prepare, module, self._pooled = side
        self._device, dtype = fastest_device()
        self._module = module.to(self._device, dtype).eval()

    def __str__(self) -> str:
        return f"PyTorch on {self._device}, {str(self._module.dtype).removeprefix('torch.')}"

    def encode(self, inputs: Prepared) -> NDArray[np.float32]:
        """Give float32 (b, dim), rows of length 1."""
        vectors = self._forward(inputs)
        if not np.isfinite(vectors).all():
            self._module.float()  # float16 ends at 65,504, which the activations of a few models exceed
            vectors = self._forward(inputs)
        return vectors

    def _forward(self, inputs: Prepared) -> NDArray[np.float32]:
        import torch

        dtype = self._module.dtype
        moved = {
            name: tensor.to(self._device, dtype if tensor.is_floating_point() else None)
            for name, tensor in inputs.items()
        }
        with torch.inference_mode():
            vectors = torch.nn.functional.normalize(self._pooled(self._module(**moved)).float(), dim=1)
        return np.ascontiguousarray(vectors.cpu().numpy())


def fastest_device() -> tuple[str, Any]:
    """Say where PyTorch computes fastest here, and in which numbers."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.float16
    return ("mps", torch.float16) if torch.backends.mps.is_available() else ("cpu", torch.float32)


class ImageEmbedder:
    """A vision transformer, and its text side where it has one; each loaded when first needed.

    Args:
        model: Name on the Hugging Face hub, or a folder.
        on_load: Called once, when weights are first needed, with a line that says where they came from.

    Raises:
        ModelUnavailable: From what first needs the model, if it is not here and cannot be fetched, or is of no known
            architecture.
    """

    def __init__(self, model: str = DEFAULT_IMAGE_MODEL, *, on_load: Callable[[str], None] = lambda note: None) -> None:
        self.name = model
        self._on_load = on_load
        self._loading = Lock()
        self._known: ImageModel | None = None
        self._loaded: dict[Load[Side], Encoder] = {}

    @property
    def dim(self) -> int:
        """Dimensions of a vector; asking may read the model's configuration, but loads no weights."""
        return self._description.dim

    @property
    def shares_text(self) -> bool:
        """Whether `embed_texts` works; asking is as cheap as for `dim`."""
        return self._description.shares_text

    @property
    def batch_size(self) -> int:
        """How many pictures are best prepared and embedded together on this machine."""
        return _BATCH.get(fastest_device()[0], _BATCH["cpu"])

    def embed(self, pictures: Sequence["Image"]) -> NDArray[np.float32]:
        """Embed pictures of mode RGB as float32 (b, dim), rows of length 1, the next ones prepared meanwhile.

        Args:
            pictures: Any number, of any size.
        """
        if not pictures:
            return np.empty((0, self.dim), dtype=np.float32)
        size, threads = self.batch_size, _THREADS.get(fastest_device()[0], _THREADS["cpu"])
        batches = (pictures[start : start + size] for start in range(0, len(pictures), size))
        ready = prefetch(self.prepare, batches, threads=threads)
        return np.concatenate([self.embed_prepared(prepared) for prepared in ready])

    def prepare(self, pictures: Sequence["Image"]) -> Prepared:
        """Resize and normalise pictures for `embed_prepared`; safe in several threads, also while others are embedded.

        Args:
            pictures: Of mode RGB, at least one; `batch_size` is a good number.
        """
        return self._encoder(picture_side).prepare(pictures)

    def embed_prepared(self, prepared: Prepared) -> NDArray[np.float32]:
        """Embed what `prepare` made of pictures as float32 (b, dim), rows of length 1."""
        return self._encoder(picture_side).encode(prepared)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts into the pictures' space as float32 (b, dim), rows of length 1; long ones are cut.

        Raises:
            ValueError: If the model knows pictures only.
        """
        if not self.shares_text:
            raise ValueError(
                f"model '{self.name}' knows no texts: to search pictures by words, index them with --image-model "
                f"{DEFAULT_IMAGE_MODEL} into another --collection"
            )
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        encoder, size = self._encoder(text_side), self.batch_size
        batches = (texts[start : start + size] for start in range(0, len(texts), size))
        return np.concatenate([encoder.encode(encoder.prepare(batch)) for batch in batches])

    @property
    def _description(self) -> ImageModel:
        if self._known is None:
            self._known = describe(self.name)
        return self._known

    def _encoder(self, load: Load[Side]) -> Encoder:
        with self._loading:  # the first pictures are prepared by several threads at once
            if load not in self._loaded:
                side, origin = find_model(self.name, load, way_out=WAY_OUT)
                self._loaded[load] = Encoder(side)
                if len(self._loaded) == 1:
                    facts = f"{origin}, {self.dim} dimensions, licence {self._description.licence}"
                    self._on_load(f"{self.name} ({facts}): {self._loaded[load]}")
        return self._loaded[load]


def prefetch(work: Callable[[Item], Done], items: Iterable[Item], *, threads: int) -> Iterator[Done]:
    """Do work on items in threads, ahead of whoever takes the results, but not far.

    Args:
        work: Called with one item after the other, several at once.
        items: Taken as they are needed.
        threads: How many work; as many results wait at most.

    Returns:
        The results, in the order of the items; what `work` raises comes where its result would.
    """
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
