"""Pictures put to work: which model, from where, and what is asked by them."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.embedders.cache import cache_folder
from indexer.embedders.image import DEFAULT_IMAGE_MODEL, ImageEmbedder
from indexer.embedders.models import fingerprint
from indexer.embedders.vision import check_there, describe
from indexer.embedders.visual_words import VisualWords, fit_visual_words
from indexer.images import BadPicture, Downloads, FirstOf, FromFolder, FromUrls, Kept, PictureSource
from indexer.images.crop import segmenter
from indexer.images.segment import check_sam
from indexer.images.viewing import view
from indexer.imaging import IMAGE, ImageSummary, PictureEmbedder, check_images_fit, index_images
from indexer.products import Rejected
from indexer.store import FIELDS, ProductStore

from .progress import Bar, no_bar

VISUAL_WORDS = "visual-words"

_NEXT = "run `assort index CATALOGUE --images download`, or --images FOLDER"
SAMPLE = 3000
"""Pictures that a codebook of visual words is learned from."""

Say = Callable[[str], None]


def picture_source(where: str, *, column: str = "", private: bool = False) -> PictureSource:
    """Say where products' pictures come from; those that a catalogue held as bytes are there in any case.

    Args:
        where: `download` for the addresses that products list, `none` for the catalogue's own bytes alone, or a folder.
        column: The products' own field that names a file in the folder; empty for `<product id>.jpg` and the like.
        private: Whether addresses inside the own network may be fetched from.

    Raises:
        NotADirectoryError: If there is no such folder.
    """
    cache = cache_folder() / "pictures"
    kept = Kept(cache)
    if where == "none":
        return kept
    if where == "download":
        return FirstOf([kept, FromUrls(Downloads(cache, private=private))])
    return FirstOf([kept, FromFolder(Path(where), column)])


def add_pictures(
    store: ProductStore,
    source: PictureSource,
    model: str | None,
    *,
    crop_by: str = "none",
    seed: int = 0,
    on_rejected: Callable[[Rejected], None] = lambda rejected: None,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> ImageSummary:
    """Embed the pictures of all products that are new or changed.

    Args:
        store: Filled by `index_products`.
        source: Finds them.
        model: Of the pictures; None for the collection's own, else the default.
        crop_by: How they are cropped, as `checked_crop` gives it.
        seed: Of visual words.
        on_rejected: Called with each picture that cannot be used.
        say: Called with a line about what is done.
        bar: Draws how far it is.

    Raises:
        LookupError: If the store holds no products.
        ValueError: If the collection's pictures were embedded otherwise.
        ModelUnavailable: If the model is not here and cannot be fetched.
    """
    try:
        embedder = image_embedder(store, model, source=source, crop_by=crop_by, seed=seed, say=say)
    except LookupError as error:
        embedder = _NotLearned(error)  # there is not one usable picture: the run says of each why
        say(str(error))
    _note_weights(store, embedder.name, crop_by)
    with bar("embedding pictures", store.count()) as done:
        return index_images(store, source, embedder, crop_by=crop_by, on_rejected=on_rejected, progress=done)


def image_embedder(
    store: ProductStore,
    model: str | None,
    *,
    source: PictureSource | None = None,
    crop_by: str = "none",
    seed: int = 0,
    say: Say = lambda text: None,
) -> PictureEmbedder:
    """Give the model that a collection's pictures are embedded with.

    Args:
        store: Filled by `index`.
        model: Its name; None for the one the collection was made with, else the default.
        source: Where pictures are; needed to learn visual words from the catalogue's own.
        crop_by: How they are cropped, as `checked_crop` gives it.
        seed: Of what is learned.
        say: Called with a line about what is done.

    Raises:
        ModelUnavailable: If the model is not here and cannot be fetched.
        LookupError: If visual words are asked for and there is no picture to learn them from.
        ValueError: If the collection's pictures were embedded with another model or crop.
    """
    asked = settled_model(store, model, crop_by)
    if not asked.startswith(VISUAL_WORDS):
        return ImageEmbedder(asked, on_load=lambda origin: say(f"embedding pictures with {origin}"))
    kept = store.records.file(VISUAL_WORDS)
    if kept is not None:
        return _unpacked(kept)
    pictures = islice(_pictures(store, source, crop_by), SAMPLE) if source is not None else iter(())
    first = next(pictures, None)
    if first is None:
        raise LookupError(
            f"collection '{store.name}' has no usable picture to learn visual words from: --images download takes "
            "them from the addresses that products list, --images FOLDER looks for <product id>.jpg there, or for the "
            "files that --image-column names"
        )
    say("learning visual words from the catalogue's own pictures")
    words = fit_visual_words(chain([first], pictures), seed=seed)
    store.records.save_file(VISUAL_WORDS, _packed(words))
    return words


class _NotLearned:
    """Stands in for visual words that there was nothing to learn from."""

    name = VISUAL_WORDS

    def __init__(self, why: LookupError) -> None:
        self._why = why

    def embed(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Say why there is no vector."""
        raise self._why


def settled_model(store: ProductStore, model: str | None, crop_by: str) -> str:
    """Say which model pictures are embedded with: as asked, as the collection's are, or the default.

    The first pictures of a collection need it to be there; later runs may have nothing to embed.

    Raises:
        ValueError: If the collection's pictures were embedded with another model or crop.
        ModelUnavailable: If it is not here and cannot be fetched, or of no known architecture.
    """
    kept = store.records.settings()
    before, segmenting = kept.image_model, segmenter(crop_by)
    asked = _located(model) if model else before or DEFAULT_IMAGE_MODEL
    if asked == VISUAL_WORDS and before.startswith(VISUAL_WORDS):
        asked = before
    check_images_fit(store, model=asked, crop_by=crop_by)
    first = IMAGE not in store.dims()
    if not asked.startswith(VISUAL_WORDS):
        (check_there if first else describe)(asked)
    if not first:
        _check_weights(store, asked, kept.image_weights)
        _check_weights(store, segmenting, kept.crop_weights)
    elif segmenting:
        check_sam(segmenting)
    return asked


def _located(model: str) -> str:
    """Name a model folder so that it is found from any other folder, too; a model of the hub keeps its name."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model


def _check_weights(store: ProductStore, model: str | None, before: str) -> None:
    """Check that a folder still holds the model that the collection's pictures were embedded or cropped with."""
    if before and (now := _weights(model)) not in ("", before):
        raise ValueError(
            f"model folder '{model}' holds other files than when the pictures of collection '{store.name}' were "
            f"embedded (fingerprint {before}, now {now}): put the former ones back, or index into another --collection"
        )


def _note_weights(store: ProductStore, model: str, crop_by: str) -> None:
    """Remember which files model folders held, before the first picture is embedded with them."""
    if IMAGE in store.dims():
        return
    image, cropping = _weights(model), _weights(segmenter(crop_by))
    store.records.save_settings(replace(store.records.settings(), image_weights=image, crop_weights=cropping))


def _weights(model: str | None) -> str:
    """Tell a model folder by its files; empty for a model of the hub, or none."""
    return fingerprint(Path(model)) if model and Path(model).is_dir() else ""


def _pictures(store: ProductStore, source: PictureSource, crop_by: str) -> Iterator[Image.Image]:
    """Read the catalogue's pictures, in order of their points, which is as good as random."""
    for page in store.pages(("image_urls", FIELDS)):
        for _, found in source.pictures([each.payload for each in page]):
            if not isinstance(found, BadPicture):
                try:
                    yield view(found, crop_by).picture
                except (BadPicture, OSError):
                    continue  # the run that embeds them counts and names them


def _packed(words: VisualWords) -> bytes:
    """Put the files of a model into one."""
    packed = io.BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        words.save(Path(folder))
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)
    return packed.getvalue()


def _unpacked(content: bytes) -> VisualWords:
    with TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
        return VisualWords.load(Path(folder))


def picture_vector(store: ProductStore, file: Path, *, say: Say = lambda text: None) -> NDArray[np.float32]:
    """Embed a picture that is not in the catalogue as the catalogue's were: float32 (dim,), length 1.

    Raises:
        LookupError: If the collection has no pictures.
        ValueError: If the file is no picture.
    """
    _check_pictures(store)
    try:
        picture = view(file, store.records.settings().crop or "none").picture
    except OSError as error:
        raise ValueError(f"'{file}' cannot be read ({error.strerror or error}): give a picture file") from error
    except BadPicture as error:
        raise ValueError(f"'{file}' cannot be used: {error}") from error
    (vector,) = _own_embedder(store, say).embed([picture])
    return np.asarray(vector, dtype=np.float32)


def words_vector(store: ProductStore, text: str, *, say: Say = lambda text: None) -> NDArray[np.float32]:
    """Embed words into the space of the pictures: float32 (dim,), length 1.

    Raises:
        LookupError: If the collection has no pictures.
        ValueError: If its image model knows no words.
    """
    _check_pictures(store)
    if not text.strip():
        raise ValueError('the text to search for is empty: write a few words, for example "red shoe"')
    embedder = _own_embedder(store, say)
    if not isinstance(embedder, ImageEmbedder) or not embedder.shares_text:
        raise ValueError(
            f"the image model '{embedder.name}' of collection '{store.name}' knows no words: leave --by away, "
            "or index into another --collection with one that does, such as --image-model openai/clip-vit-base-patch32"
        )
    (vector,) = embedder.embed_texts([text])
    return np.asarray(vector, dtype=np.float32)


def _own_embedder(store: ProductStore, say: Say) -> PictureEmbedder:
    return image_embedder(store, None, crop_by=store.records.settings().crop or "none", say=say)


def _check_pictures(store: ProductStore) -> None:
    if IMAGE not in store.dims():
        raise LookupError(f"collection '{store.name}' has no pictures: {_NEXT}")
