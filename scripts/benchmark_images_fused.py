"""Pictures through the product's own path: fused with texts on fashion, and two renditions of car logos."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmark_quality_cases import Case
from benchmark_quality_scores import Scores
from numpy.typing import NDArray
from PIL import Image

from indexer.catalogue import read_catalogue
from indexer.embedders.text import TextEmbedder
from indexer.embedders.visual_words import fit_visual_words
from indexer.images import BadPicture, FromFolder, read_picture
from indexer.images.crop import crop
from indexer.imaging import index_images
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.fusion import grade
from service.images import image_embedder

LABELS = ("articleType", "baseColour")


def fashion_fused(data: Path, seed: int) -> Case:
    """Text alone, picture alone and both, asked for article type and colour at once."""
    folder = data / "fashion"
    photos = {file.stem for file in (folder / "images").glob("*.jpg")}
    mapping = {"product_id": "id", "title": "title", **{name: name for name in LABELS}}
    read = read_catalogue(folder / "styles.csv.gz", format="table", mapping=mapping)
    products = [each for each in read if isinstance(each, Product) and each.product_id in photos]
    truth = {each.product_id: " ".join(str(each.fields.get(name, "")) for name in LABELS) for each in products}
    with TemporaryDirectory() as work, open_store(work, create=True) as store:
        index_products(products, store, TextEmbedder(), text_fields=("title",))
        source = FromFolder(folder / "images")
        index_images(store, source, image_embedder(store, "visual-words", source=source, seed=seed))
        ids = np.random.default_rng(seed).permutation(store.take().ids).tolist()
        halves = (ids[: len(ids) // 2], ids[len(ids) // 2 :])
        chosen, graded = (grade(store, half, [truth[i] for i in half], seed=seed) for half in halves)
    best = max(chosen, key=lambda each: each.agreement)
    fused = next(each for each in graded if each.image == best.image)
    scores: Mapping[str, Scores] = {
        f"fused, picture {best.image:.2f}": {
            "articleType and baseColour": fused.agreement,
            "above the better one alone": fused.agreement - max(graded[0].agreement, graded[-1].agreement),
        },
        "text alone": {"articleType and baseColour": graded[0].agreement},
        "picture alone": {"articleType and baseColour": graded[-1].agreement},
    }
    return Case(
        "fashion_fused",
        "Fashion, text and picture fused",
        f"{len(products):,} products, titles by MiniLM and photos by visual words, through the product's own index. "
        "The share of the five nearest that have both the article type and the colour of the product. The weights are "
        "chosen on one half as `tune-fusion` does and graded on the other (4,000 products of each).",
        scores,
    )


def logos(data: Path, seed: int) -> Case:
    """Find each brand's other rendition among all of them."""
    folder = data / "car_logos"
    files = {name: sorted((folder / name).iterdir()) for name in ("thumb_256", "original_256")}
    scores: dict[str, Scores] = {}
    for how in ("salient", "none"):
        seen = {name: dict(_seen(some, how)) for name, some in files.items()}
        both = sorted(seen["thumb_256"].keys() & seen["original_256"].keys())
        words = fit_visual_words((picture for some in seen.values() for picture in some.values()), seed=seed)
        thumbs, originals = (
            words.embed([seen[name][brand] for brand in both]) for name in ("thumb_256", "original_256")
        )
        scores[f"visual words, crop {how}"] = {"recall@1": _recall(thumbs, originals), "pairs": len(both)}
    return Case(
        "logos",
        "Car logos, the other rendition of a brand",
        "For each thumbnail the nearest of all originals is to be the same brand's. Visual words are learned from all "
        f"pictures. Files that are no usable picture: {', '.join(_refused(files)) or 'none in this copy'}.",
        scores,
    )


def _seen(files: Sequence[Path], how: str) -> Iterator[tuple[str, Image.Image]]:
    for file in files:
        try:
            yield file.stem, crop(read_picture(file), how)
        except BadPicture:
            continue


def _refused(files: Mapping[str, Sequence[Path]]) -> Iterator[str]:
    for name, some in files.items():
        for file in some:
            try:
                read_picture(file)
            except BadPicture as error:
                yield f"{name}/{file.name} ({error})"


def _recall(asked: NDArray[np.float32], among: NDArray[np.float32]) -> float:
    return float(((asked @ among.T).argmax(axis=1) == np.arange(len(asked))).mean())
