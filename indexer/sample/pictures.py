"""Photograph the sample's products: a picture for each offer, some shared, some broken, some missing."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from random import Random

from PIL import Image, ImageFilter

from .drawing import SHAPES, Look, look_of
from .kinds import ACCESSORIES, COLOURS
from .pen import Colour, Pen
from .products import SampleProduct

PICTURE_COLUMNS = ("product_id", "state", "stock_photo")
SIDE = 224

_QUALITY = 85
_FINER = 2  # drawn so many times as large, then made small: smooth edges
_MAKERS_PHOTO = 0.4
_STOCK_VARIANTS = 0.1
_STOCK_MODELS = 0.25
_MODELS_TOGETHER = 3
_BACKGROUNDS = ((255, 255, 255), (246, 246, 248), (240, 244, 250), (250, 245, 236), (238, 240, 238), (247, 238, 240))
_PAGE = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"


class State(StrEnum):
    """What becomes of a product's picture."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    TEXT = "text"
    MISSING = "missing"


_SHARES = {State.TRUNCATED: 0.005, State.EMPTY: 0.005, State.TEXT: 0.005, State.MISSING: 0.03}
_SPOILED: Mapping[State, Callable[[bytes], bytes]] = {
    State.WHOLE: lambda content: content,
    State.TRUNCATED: lambda content: content[: len(content) // 2],
    State.EMPTY: lambda content: b"",
    State.TEXT: lambda content: _PAGE,
}


@dataclass(frozen=True, slots=True)
class PicturesSummary:
    """What was photographed.

    Args:
        folder: Holds `<product_id>.jpg` for each product that has a picture.
        truth: A row for each product: what became of its picture, and the number of the stock photo it shows.
        states: Products by what became of their picture.
        stock_photos: Photos that serve several distinct products, each the same bytes wherever it is used.
    """

    folder: Path
    truth: Path
    states: Mapping[State, int]
    stock_photos: int

    @property
    def files(self) -> int:
        """How many files were written."""
        return sum(count for state, count in self.states.items() if state is not State.MISSING)

    @property
    def broken(self) -> int:
        """How many of them no program can show."""
        return self.files - self.states[State.WHOLE]


@dataclass(frozen=True, slots=True)
class _Stock:
    """A photo that serves all offers of some product lines."""

    number: int
    look: Look


@dataclass(frozen=True, slots=True)
class _Scene:
    """How a photographer sets a product up.

    Args:
        size: Of the product, as a share of the picture's side.
        across: How far it lies right of the middle, likewise; `down` how far below.
        degrees: How far it is turned, counterclockwise.
        background: What is behind it.
    """

    size: float
    across: float
    down: float
    degrees: float
    background: Colour


def write_pictures(
    products: Iterable[SampleProduct],
    folder: Path,
    *,
    truth: Path,
    seed: int,
    progress: Callable[[int], object] = lambda done: None,
) -> PicturesSummary:
    """Draw a picture of each product and write it, and what is true of the pictures.

    Offers of one product show the same thing from slightly different places, or the maker's own photo, often before
    another background; what a variant holds is printed on it, except on phones. The same arguments write the same bytes
    wherever the same Pillow draws them. Pictures of an earlier sample are removed.

    Args:
        products: With their own colour, variant and maker.
        folder: Where `<product_id>.jpg` go, JPEG of 224 x 224 pixels; made if absent.
        truth: The CSV file of `PICTURE_COLUMNS`: state as in `State`; stock_photo is empty where the photo is not
            shared.
        seed: Another seed, other pictures.
        progress: Called with the number of products photographed since it was last called.
    """
    products = list(products)
    stock = _stock_photos(products, Random(f"{seed} stock photos"))
    states = _states([product for product in products if product.variant_group not in stock], Random(f"{seed} states"))
    _remove_earlier(folder, truth)
    folder.mkdir(parents=True, exist_ok=True)
    with truth.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(PICTURE_COLUMNS)
        for product in products:
            shared, state = stock.get(product.variant_group), states.get(product.product_id, State.WHOLE)
            if state is not State.MISSING:
                content = _SPOILED[state](_jpeg(_photo(product, shared, seed=seed)))
                (folder / f"{product.product_id}.jpg").write_bytes(content)
            rows.writerow([product.product_id, state, "" if shared is None else shared.number])
            progress(1)
    found = Counter(states.get(product.product_id, State.WHOLE) for product in products)
    return PicturesSummary(folder, truth, found, len({photo.number for photo in stock.values()}))


def _stock_photos(products: Sequence[SampleProduct], rng: Random) -> dict[int, _Stock]:
    """Choose the product lines whose offers all show one stock photo, by variant group.

    One kind shows one variant of a line for all of them, the other what fits several phones, with nobody's name on it.
    """
    groups: dict[int, list[SampleProduct]] = defaultdict(list)
    for product in products:
        groups[product.variant_group].append(product)
    varied = [number for number, group in groups.items() if len({product.identity for product in group}) > 1]
    chosen = [[number] for number in rng.sample(varied, _some(_STOCK_VARIANTS, varied))]
    used = {number for (number,) in chosen}
    for kind in ACCESSORIES:
        if kind.fits_model and not any(set(axis) <= set(COLOURS) for axis in kind.options):
            lines = [number for number, group in groups.items() if group[0].category == kind.name]
            free = [number for number in lines if number not in used]
            drawn = rng.sample(free, min(len(free), max(2, round(_STOCK_MODELS * len(free)))))
            together = (drawn[i : i + _MODELS_TOGETHER] for i in range(0, len(drawn), _MODELS_TOGETHER))
            chosen += [several for several in together if len(several) > 1]
    return {
        group: _Stock(number, look_of(groups[together[0]][0], generic=len(together) > 1))
        for number, together in enumerate(chosen)
        for group in together
    }


def _some(share: float, things: Sequence[object]) -> int:
    """Say how many a share of things is: at least one, where there is one."""
    return min(len(things), max(1, round(share * len(things))))


def _states(products: Sequence[SampleProduct], rng: Random) -> dict[str, State]:
    """Choose the products whose picture is not whole."""
    ids = [product.product_id for product in products]
    rng.shuffle(ids)
    states = [state for state, share in _SHARES.items() for _ in range(_some(share, ids))]
    return dict(zip(ids, states, strict=False))


def _remove_earlier(folder: Path, truth: Path) -> None:
    """Remove the pictures that an earlier sample wrote; other files in the folder stay."""
    if not truth.is_file():
        return
    with truth.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            (folder / f"{row['product_id']}.jpg").unlink(missing_ok=True)


def _photo(product: SampleProduct, stock: _Stock | None, *, seed: int) -> Image.Image:
    """Photograph one offer."""
    if stock is not None:
        return _render(stock.look, _scene(Random(f"{seed} stock {stock.number}")))
    seller = Random(f"{seed} seller {product.product_id}")
    scene = _scene(seller)
    if seller.random() < _MAKERS_PHOTO:
        makers = _scene(Random(f"{seed} maker {product.identity}"))
        scene = replace(makers, background=scene.background)
    return _render(look_of(product), scene)


def _scene(rng: Random) -> _Scene:
    return _Scene(
        size=rng.uniform(0.72, 0.92),
        across=rng.uniform(-0.03, 0.03),
        down=rng.uniform(-0.03, 0.03),
        degrees=rng.uniform(-2.0, 2.0),
        background=rng.choice(_BACKGROUNDS),
    )


def _render(look: Look, scene: _Scene) -> Image.Image:
    """Draw a product in its scene, with a soft shadow."""
    side = SIDE * _FINER
    layer = Image.new("RGBA", (side, side))
    left, top = (side * ((1 - scene.size) / 2 + moved) for moved in (scene.across, scene.down))
    SHAPES[look.category](Pen(layer, left, top, side * scene.size / 100), look)
    layer = layer.rotate(scene.degrees, Image.Resampling.BILINEAR).reduce(_FINER)
    picture = Image.new("RGB", (SIDE, SIDE), scene.background)
    shadow = layer.getchannel("A").point(lambda alpha: alpha // 4).filter(ImageFilter.BoxBlur(4))
    picture.paste((60, 60, 70), (2, 5), shadow)
    picture.paste(layer, (0, 0), layer)
    return picture


def _jpeg(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
