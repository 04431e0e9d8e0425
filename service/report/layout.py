"""Pictures, captions and headings put on a page with Pillow."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from indexer.images.foreground import Box

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]

THUMBNAIL = 148
_GAP, _MARGIN = 12, 20
_CAPTION = 54  # a note and two lines of text
_TEXT, _SMALL = 13, 12  # pixels
_HEADING = 30
_SEAM = 2
_INK, _SOFT, _RULE, _GREY = (28, 28, 32), (110, 112, 120), (206, 208, 214), (226, 227, 230)


@dataclass(frozen=True, slots=True)
class Tile:
    """One product as it is shown.

    Args:
        product_id: Written below its picture.
        title: Likewise, cut where it is too long.
        picture: The file; None where there is none.
        box: The part of the picture that is shown; None for all of it.
    """

    product_id: str
    title: str
    picture: Path | None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Tiles under a heading."""

    heading: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Entry:
    """One cluster on a contact sheet.

    Args:
        picture: Its `mosaic`.
        name: What is in it.
        note: Its number and size.
    """

    picture: Image.Image
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Typeface:
    """The letters of all that is written.

    Args:
        file: A .ttf or .otf file; None for the font that comes with Pillow, which has English letters alone: accents
            are then left out, and any other letter is drawn as a box.

    Raises:
        ValueError: If the file is no font.
    """

    file: Path | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            try:
                self.at(12)
            except OSError as error:
                raise ValueError(f"'{self.file}' is no font that can be read: give a .ttf or .otf file") from error

    def at(self, size: int) -> Font:
        """Give the font in a size, in pixels."""
        return _font(self.file, size)

    def lines(self, text: str, size: int, width: int, most: int) -> list[str]:
        """Break a text into lines no wider than so many pixels, with an ellipsis where it had to be cut."""
        words = self._letters(text).split()
        font, lines = self.at(size), [""]
        for word in words:
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and font.getlength(longer) > width:
                if len(lines) == most:
                    lines[-1] = f"{lines[-1]} …"
                    break
                lines.append(word)
            else:
                lines[-1] = longer
        return [_cut(line, font, width) for line in lines]

    def _letters(self, text: str) -> str:
        """Leave out what cannot be written; accents go where the built-in font has none."""
        text = text.encode("utf-8", "replace").decode()
        if self.file is not None:
            return text
        return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


@lru_cache
def _font(file: Path | None, size: int) -> Font:
    return ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)


def _cut(line: str, font: Font, width: int) -> str:
    """Shorten one line until it fits."""
    if font.getlength(line) <= width:
        return line
    line = line[:width]  # no letter is narrower than a pixel, and a title may be a page long
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1].rstrip(" …")
    return f"{line}…"


def thumbnail(picture: Image.Image, side: int) -> Image.Image:
    """Fit a picture whole into a white square."""
    longest = max(picture.size)
    width, height = (max(1, round(length * side / longest)) for length in picture.size)
    near = picture.reduce(max(1, longest // (2 * side)))  # a large one in whole steps first, which is far quicker
    square = Image.new("RGB", (side, side), "white")
    square.paste(near.resize((width, height), Image.Resampling.BICUBIC), ((side - width) // 2, (side - height) // 2))
    return square


def missing(tile: Tile, reason: str, side: int, face: Typeface) -> Image.Image:
    """Draw what stands where a picture should be: the title on grey, and why there is none."""
    picture = Image.new("RGB", (side, side), _GREY)
    draw = ImageDraw.Draw(picture)
    inner = side - 16
    _write(draw, (8, 10), face.lines(tile.title, _TEXT, inner, side // 16 - 3), face.at(_TEXT), _INK)
    _write(draw, (8, side - 22), face.lines(reason, _SMALL, inner, 1), face.at(_SMALL), _SOFT)
    return picture


def draw_grid(
    title: str,
    note: str,
    sections: Sequence[Section],
    pictures: Mapping[Tile, Image.Image],
    *,
    columns: int,
    face: Typeface,
) -> Image.Image:
    """Draw one cluster: a title, and sections of tiles, side by side where there is room.

    Args:
        title: Its name.
        note: Its label, number and size.
        sections: None of them empty.
        pictures: A square picture of `THUMBNAIL` pixels for each tile.
        columns: Tiles in a row.
        face: The letters.
    """
    rows = _rows(sections, columns)
    width = 2 * _MARGIN + columns * (THUMBNAIL + _GAP) - _GAP
    heights = [_HEADING + math.ceil(max(len(section.tiles) for section in row) / columns) * _cell() for row in rows]
    page, top = _page(width, sum(heights), title, note, face)
    draw = ImageDraw.Draw(page)
    for row, height in zip(rows, heights, strict=True):
        left = _MARGIN
        for section in row:
            wide = min(columns, len(section.tiles)) * (THUMBNAIL + _GAP) - _GAP
            draw.line([(left, top), (left + wide, top)], _RULE)
            (line,) = face.lines(section.heading, 14, wide, 1)
            draw.text((left, top + 8), line, _INK, face.at(14))
            for place, tile in enumerate(section.tiles):
                across, down = place % columns, place // columns
                corner = left + across * (THUMBNAIL + _GAP), top + _HEADING + down * _cell()
                _captioned(page, pictures[tile], corner, tile.product_id, tile.title, face)
            left += wide + _GAP
        top += height
    return page


def _rows(sections: Sequence[Section], columns: int) -> list[list[Section]]:
    """Put sections side by side as long as their tiles fit into one row."""
    rows: list[list[Section]] = []
    room = 0
    for section in sections:
        if len(section.tiles) > room:
            rows.append([])
            room = columns
        rows[-1].append(section)
        room -= len(section.tiles)
    return rows


def _cell() -> int:
    return THUMBNAIL + _CAPTION + _GAP


def _captioned(
    page: Image.Image, picture: Image.Image, corner: tuple[int, int], note: str, text: str, face: Typeface
) -> None:
    """Put a picture on a page, framed, a note and two lines of text below it."""
    left, top = corner
    page.paste(picture, corner)
    draw = ImageDraw.Draw(page)
    draw.rectangle([left, top, left + THUMBNAIL - 1, top + THUMBNAIL - 1], outline=_RULE)
    _write(draw, (left, top + THUMBNAIL + 4), face.lines(note, _SMALL, THUMBNAIL, 1), face.at(_SMALL), _SOFT)
    _write(draw, (left, top + THUMBNAIL + 20), face.lines(text, _TEXT, THUMBNAIL, 2), face.at(_TEXT), _INK)


def mosaic(pictures: Sequence[Image.Image]) -> Image.Image:
    """Put the first four of a cluster's square pictures into one; a single one fills it."""
    if len(pictures) == 1:
        return pictures[0].copy()
    page = Image.new("RGB", (THUMBNAIL, THUMBNAIL), "white")
    side = (THUMBNAIL - _SEAM) // 2
    above = 0 if len(pictures) > 2 else side // 2  # a lone row stands in the middle
    for place, picture in enumerate(pictures[:4]):
        down, across = divmod(place, 2)
        small = picture.resize((side, side), Image.Resampling.BICUBIC)
        page.paste(small, (across * (side + _SEAM), above + down * (side + _SEAM)))
    return page


def draw_contact_sheet(title: str, note: str, entries: Sequence[Entry], *, face: Typeface) -> Image.Image:
    """Draw clusters side by side, each a mosaic with its name and a note, in the order given."""
    columns = max(4, min(10, math.ceil(math.sqrt(1.6 * len(entries)))))
    width = 2 * _MARGIN + columns * (THUMBNAIL + _GAP) - _GAP
    page, top = _page(width, math.ceil(len(entries) / columns) * _cell(), title, note, face)
    for place, entry in enumerate(entries):
        corner = _MARGIN + place % columns * (THUMBNAIL + _GAP), top + place // columns * _cell()
        _captioned(page, entry.picture, corner, entry.note, entry.name, face)
    return page


def _page(width: int, height: int, title: str, note: str, face: Typeface) -> tuple[Image.Image, int]:
    """Begin a page with its title and note, and say where the rest begins."""
    top = 70
    page = Image.new("RGB", (width, top + height + _MARGIN - _GAP), "white")
    draw = ImageDraw.Draw(page)
    inner = width - 2 * _MARGIN
    draw.text((_MARGIN, 14), face.lines(title, 22, inner, 1)[0], _INK, face.at(22))
    draw.text((_MARGIN, 44), face.lines(note, 13, inner, 1)[0], _SOFT, face.at(13))
    return page, top


def _write(draw: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str], font: Font, ink: Colour) -> None:
    for place, line in enumerate(lines):
        draw.text((corner[0], corner[1] + 16 * place), line, ink, font)
