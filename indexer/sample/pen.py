"""A pen that draws in units of its own, wherever in a picture and however large."""

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]


def shade(colour: Colour, light: float) -> Colour:
    """Darken a colour (light below 1: towards black) or lighten it (from 1 to 2: towards white)."""
    target, share = (0, 1 - light) if light <= 1 else (255, light - 1)
    red, green, blue = (round(value + (target - value) * share) for value in colour)
    return red, green, blue


def ink(ground: Colour) -> Colour:
    """Choose the colour of a print that shows on this ground."""
    return (250, 250, 250) if sum(ground) < 400 else (40, 40, 46)


class Pen:
    """Draws in a square of 100 x 100 units that lies somewhere in a picture.

    Args:
        picture: Drawn on.
        left: Of the square, in pixels, as `top`.
        unit: How many pixels a unit has.
    """

    def __init__(self, picture: Image.Image, left: float, top: float, unit: float) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._left, self._top, self._unit = left, top, unit

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [(self._left + x * self._unit, self._top + y * self._unit) for x, y in points]

    def box(self, corners: tuple[float, float, float, float], paint: Colour, radius: float = 0) -> None:
        """Draw a box (left, top, right, bottom) with a darker edge."""
        left, top, right, bottom = corners
        self._draw.rounded_rectangle(
            self._at([(left, top), (right, bottom)]), radius * self._unit, paint, shade(paint, 0.72), self._width(0.9)
        )

    def disc(self, x: float, y: float, radius: float, paint: Colour, high: float = 1.0) -> None:
        """Draw a disc with a darker edge, or an oval so many times as high."""
        corners = self._at([(x - radius, y - radius * high), (x + radius, y + radius * high)])
        self._draw.ellipse(corners, paint, shade(paint, 0.72), self._width(0.9))

    def ring(self, x: float, y: float, radius: float, paint: Colour, width: float, arc: Point = (0, 360)) -> None:
        """Draw a ring, or an arc of it from one angle to another, in degrees, clockwise from the right."""
        corners = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.arc(corners, *arc, paint, self._width(width))

    def line(self, points: Sequence[Point], paint: Colour, width: float) -> None:
        """Draw a line with round corners."""
        self._draw.line(self._at(points), paint, self._width(width), joint="curve")

    def shape(self, points: Sequence[Point], paint: Colour) -> None:
        """Draw a polygon with a darker edge."""
        self._draw.polygon(self._at(points), paint, shade(paint, 0.72), self._width(0.9))

    def text(self, x: float, y: float, text: str, size: float, paint: Colour, room: float = 100) -> None:
        """Write centred around a point, smaller where it would take more than so much room."""
        fitting = min(size, 1.7 * room / max(1, len(text)))
        self._draw.text(self._at([(x, y)])[0], text, paint, _font(max(6, round(fitting * self._unit))), anchor="mm")

    def _width(self, units: float) -> int:
        return max(1, round(units * self._unit))


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
