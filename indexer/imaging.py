"""The second run over a store: pictures become the vector `image`, where something changed."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .images import KEPT, BadPicture, PictureSource
from .images.kept import digest
from .images.viewing import view
from .products import Rejected
from .store import FIELDS, IMAGE_HASH, PICTURE, PICTURE_BOX, PICTURE_HASH, Payload, ProductStore, new_run

IMAGE = "image"
DEFAULT_BATCH = 256
_WORKERS = 4  # threads that read, decode and crop
_WAITING = 2 * DEFAULT_BATCH  # pictures made ready ahead of the model, of 1 MB at most
_PAGES = 10  # of a thousand products each, asked for together: while one server is slow, others answer
_NO_VECTOR = "the model makes no vector of it"
_FORGOTTEN: Payload = {PICTURE: "", IMAGE_HASH: "", PICTURE_HASH: "", PICTURE_BOX: []}


class PictureEmbedder(Protocol):
    """Turns pictures into vectors.

    Attributes:
        name: As recorded with the store; vectors of two names never mix.
    """

    name: str

    def embed(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Embed RGB pictures as float32 (b, dim), rows of length 1."""


@dataclass(slots=True)
class ImageSummary:
    """What a run did, counted in products.

    Args:
        products: How many the store holds.
        embedded: Products whose picture became a vector.
        unchanged: Products whose picture is the one that is known.
        without: Products that name no picture, or none that is in the folder.
        withdrawn: Of these, products that had one, which went with its vector.
        rejected: Reason -> products whose picture cannot be had or used; they are tried again by the next run.
    """

    products: int = 0
    embedded: int = 0
    unchanged: int = 0
    without: int = 0
    withdrawn: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture on its way to the model.

    Args:
        state: `new` ones have a picture; of `moved` ones only the file is another; `refused` cannot be had, or were
            never embedded and cannot be used; `broken` are embedded and can no longer be used; `withdrawn` are embedded
            and no longer to be.
        product_id: Whose it is.
        origin: The file; of one that cannot be used, what the catalogue calls it.
        digest: Fingerprint of its bytes and what is made of them.
        picture: As the model is to see it.
        known: What is to be known of it beside its file and fingerprint.
        reason: Why it cannot be used.
    """

    state: Literal["new", "unchanged", "moved", "refused", "broken", "withdrawn"]
    product_id: str
    origin: str = ""
    digest: str = ""
    picture: Image.Image | None = None
    known: Payload = field(default_factory=dict)
    reason: str = ""


def index_images(
    store: ProductStore,
    source: PictureSource,
    embedder: PictureEmbedder,
    *,
    crop_by: str = "none",
    batch_size: int = DEFAULT_BATCH,
    on_rejected: Callable[[Rejected], None] = lambda rejected: None,
    progress: Callable[[int], None] = lambda products: None,
) -> ImageSummary:
    """Embed the pictures of stored products, those that are new or changed; a product without one stays as it is.

    Pictures are read, decoded and cropped in threads while the model works. A run that was killed goes on where it
    stopped, because what is known of a picture is written with its vector. A vector goes when its picture's file is
    there and broken, and when the picture came from this source and the source has none for the product any more: the
    record lists no address, or the folder no such file. It stays when the file cannot be had, or came from elsewhere.

    Args:
        store: Filled by `index_products`.
        source: Finds each product's picture.
        embedder: Must be the model the store's pictures were embedded with.
        crop_by: What is cut out before embedding, as `checked_crop` gives it.
        batch_size: Pictures embedded and written at a time, at least 1.
        on_rejected: Called with each picture that cannot be used.
        progress: Called with the number of products done.

    Raises:
        LookupError: If the store holds no products.
        ValueError: If the store's pictures were embedded with another model or crop.
    """
    if batch_size < 1:
        raise ValueError(f"batch size must be at least 1, got {batch_size}")
    check_images_fit(store, model=embedder.name, crop_by=crop_by)
    run = new_run("images", {"model": embedder.name, "crop": crop_by})
    started, summary, finished = time.monotonic(), ImageSummary(), False
    store.records.save_run(run)
    writer = _Writer(store, embedder, crop_by, summary, on_rejected)
    try:
        with (
            _threads() as threads,
            closing(_begun(store, source, f"{embedder.name}\0{crop_by}", crop_by, threads)) as begun,
        ):
            named = writer.take(_ahead(begun, _WAITING), batch_size, progress)
        summary.products = store.count()
        summary.without = summary.products - named
        progress(summary.without - summary.withdrawn)
        if writer.written and store.label_names():
            store.build_index()
        finished = True
    finally:
        counted = {name: getattr(summary, name) for name in summary.__slots__}
        ended = replace(run, state="done" if finished else "failed", seconds=time.monotonic() - started)
        store.records.save_run(replace(ended, results=counted | {"rejected": dict(summary.rejected)}))
    return summary


def check_images_fit(store: ProductStore, *, model: str, crop_by: str) -> None:
    """Check that pictures embedded so can stand beside those that are there.

    Raises:
        ValueError: If there are some of another model or crop.
    """
    if IMAGE not in store.dims():
        return
    settings = store.records.settings()
    for what, before, asked in (("image model", settings.image_model, model), ("crop", settings.crop, crop_by)):
        if before and before != asked:
            raise ValueError(
                f"the pictures of collection '{store.name}' were embedded with {what} '{before}', got '{asked}': "
                f"use --{what.replace(' ', '-')} {before}, or index into another --collection"
            )


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Open threads that leave undone what nobody waits for any more."""
    with ThreadPoolExecutor(_WORKERS, "pictures") as threads:
        try:
            yield threads
        finally:
            threads.shutdown(cancel_futures=True)


def _begun(
    store: ProductStore, source: PictureSource, made_with: str, crop_by: str, threads: ThreadPoolExecutor
) -> Generator[Future[_Ready]]:
    """Begin to read the pictures of all products that have one."""
    pages = store.pages(("image_urls", FIELDS, PICTURE, IMAGE_HASH))
    while products := [found.payload for page in islice(pages, _PAGES) for found in page]:
        unanswered = {product["product_id"]: product for product in products}
        for product_id, found in source.pictures(products):
            yield threads.submit(_read, unanswered.pop(product_id), found, source, made_with, crop_by)
        for product_id, product in unanswered.items():
            if product.get(PICTURE) and source.withdrawn(product, Path(product[PICTURE])):
                yield threads.submit(_Ready, "withdrawn", product_id)


def _ahead(items: Iterable[Any], count: int) -> Iterator[Any]:
    """Yield the results of futures, so many after they were begun."""
    waiting: deque[Any] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft().result()
    for item in waiting:
        yield item.result()


def _read(product: Payload, found: Path | BadPicture, source: PictureSource, made_with: str, crop_by: str) -> _Ready:
    """Read one picture, unless it is the one that is known; where a file is no picture, the product's next one."""
    product_id, known = product["product_id"], product.get(IMAGE_HASH, "")
    if isinstance(found, BadPicture):
        named = found.named or next(iter(product.get("image_urls", ())), "")
        return _Ready("refused", product_id, named, reason=str(found))
    origin = str(found)
    try:
        content = found.read_bytes()
    except OSError as error:
        if further := _next_of(product, found, source):  # thrown away just now, for another product that lists it too
            return _read(product, further, source, made_with, crop_by)
        reason = f"the file cannot be read ({error.strerror or error})"
        return _Ready("refused", product_id, _named(product, found), reason=reason)
    seen_as = hashlib.blake2b(content + made_with.encode(), digest_size=12).hexdigest()
    if seen_as == known:
        return _Ready("unchanged" if product.get(PICTURE) == origin else "moved", product_id, origin)
    try:
        picture, perceptual, box = view(content, crop_by)
    except BadPicture as error:
        source.refuse(found, error)
        if isinstance(further := _next_of(product, found, source), Path):
            return _read(product, further, source, made_with, crop_by)
        return _Ready("broken" if known else "refused", product_id, _named(product, found), reason=str(error))
    seen: Payload = {PICTURE_HASH: f"{perceptual:016x}", PICTURE_BOX: list(box or ())}
    return _Ready("new", product_id, origin, seen_as, picture, seen)


def _named(product: Payload, found: Path) -> str:
    """Say what the catalogue calls a picture: its address, where the file is a cached one; else the file."""
    listed: Sequence[str] = product.get("image_urls", ())
    for name in listed:
        if found.name in (digest(name.encode("utf-8", "surrogatepass")), name.removeprefix(KEPT)):
            return name
    return str(found)


def _next_of(product: Payload, found: Path, source: PictureSource) -> Path | BadPicture | None:
    """Ask a source again, whose file for a product is no picture; None when it has nothing else to say."""
    further = next((each for _, each in source.pictures([product])), None)
    return None if further == found else further


class _Writer:
    """Embeds pictures and writes their vectors, batch by batch.

    Args:
        store: Where to.
        embedder: The model.
        crop_by: For the settings.
        summary: Counts.
        on_rejected: Called with each picture that cannot be used.
    """

    def __init__(
        self,
        store: ProductStore,
        embedder: PictureEmbedder,
        crop_by: str,
        summary: ImageSummary,
        on_rejected: Callable[[Rejected], None],
    ) -> None:
        self._store, self._embedder, self._crop, self._summary = store, embedder, crop_by, summary
        self._on_rejected = on_rejected
        self.written = 0

    def take(self, ready: Iterable[_Ready], batch_size: int, progress: Callable[[int], None]) -> int:
        """Embed, write and count what is ready, and say how many products had a picture or named one."""
        named, batch = 0, list[_Ready]()
        for each in ready:
            named += each.state != "withdrawn"
            if each.state != "unchanged":
                batch.append(each)
            self._summary.unchanged += each.state in ("unchanged", "moved")
            if len(batch) == batch_size:
                self._write(batch)
                batch = []
            progress(1)
        if batch:
            self._write(batch)
        return named

    def _write(self, batch: Sequence[_Ready]) -> None:
        """Write the vectors of a batch, and take away those whose picture is broken or withdrawn."""
        pictured = [each for each in batch if each.picture is not None]
        vectors = self._vectors(pictured)
        payloads: dict[str, Payload] = {
            each.product_id: {PICTURE: each.origin, IMAGE_HASH: each.digest, **each.known}
            for each in pictured
            if each.product_id in vectors
        }
        payloads |= {each.product_id: {PICTURE: each.origin} for each in batch if each.state == "moved"}
        refused = [each for each in batch if each.state in ("refused", "broken")]
        refused += [replace(each, reason=_NO_VECTOR) for each in pictured if each.product_id not in vectors]
        gone = [each.product_id for each in refused if each.state != "refused"]
        withdrawn = [each.product_id for each in batch if each.state == "withdrawn"]
        gone += withdrawn
        payloads |= dict.fromkeys(gone, _FORGOTTEN)
        if vectors:
            self._settle()
        if payloads:
            self._store.set_vectors(IMAGE, vectors, payloads, without=gone)
        self._summary.embedded += len(vectors)
        self._summary.withdrawn += len(withdrawn)
        self.written += len(payloads)
        for each in refused:
            self._summary.rejected[each.reason] += 1
            self._on_rejected(Rejected(0, each.reason, each.origin, f"product_id {each.product_id}"))

    def _vectors(self, pictured: Sequence[_Ready]) -> dict[str, NDArray[np.float32]]:
        """Embed pictures, leaving out those of which the model makes no vector of length 1."""
        if not pictured:
            return {}
        vectors = self._embedder.embed([each.picture for each in pictured if each.picture is not None])
        usable = abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3
        return {each.product_id: vectors[row] for row, each in enumerate(pictured) if usable[row]}

    def _settle(self) -> None:
        """Note what the vectors are made with, before the first of them is there."""
        settings = self._store.records.settings()
        if (settings.image_model, settings.crop) != (self._embedder.name, self._crop):
            self._store.records.save_settings(replace(settings, image_model=self._embedder.name, crop=self._crop))
