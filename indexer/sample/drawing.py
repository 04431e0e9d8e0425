"""Draw the sample's products: one shape a kind, with the colour, maker and variant that tell products apart."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from .pen import Colour, Pen, ink, shade
from .products import SampleProduct

PAINTS: Mapping[str, Colour] = {
    "Black": (44, 44, 50),
    "Blue": (42, 92, 200),
    "Red": (204, 40, 48),
    "Green": (38, 146, 78),
    "Silver": (182, 187, 194),
    "Purple": (124, 66, 172),
    "White": (246, 246, 243),
    "Gold": (208, 168, 88),
}
_ACCENTS = ((236, 120, 60), (70, 170, 190), (240, 190, 60), (150, 110, 210), (90, 180, 110), (220, 90, 130))
_DARK, _METAL, _GLASS = (30, 31, 36), (196, 200, 205), (206, 224, 232)
_AMOUNT = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Look:
    """What a product looks like, whoever photographs it.

    Args:
        category: The kind of product, which gives the shape.
        paint: Its colour.
        accent: A second colour, of its product line.
        brand: Printed on it; empty on a stock photo that serves several makers.
        name: The product's own name, whose words say its style.
        amount: What it holds or how many there are, such as 64; 1 where its variant names no number.
        label: That amount with its unit, as printed; empty on such a stock photo.
        phone: The phone it is made for, which has its cameras where all its cases have their holes.
        bend: From 0 to 1, of its product line: how round or how wide it is.
    """

    category: str
    paint: Colour
    accent: Colour
    brand: str
    name: str
    amount: int
    label: str
    phone: str
    bend: float


def look_of(product: SampleProduct, *, generic: bool = False) -> Look:
    """Say what a product looks like; a generic one shows neither maker, nor variant, nor phone."""
    line = Random(f"{product.brand} {product.variant_group} line")
    number = None if generic else _AMOUNT.search(product.variant)
    return Look(
        category=product.category,
        paint=PAINTS[product.colour],
        accent=line.choice(_ACCENTS),
        brand="" if generic else product.brand,
        name=product.name,
        amount=int(number[0]) if number else 1,
        label="" if number is None else product.variant.partition(",")[0],
        phone="" if generic else product.goes_with,
        bend=line.random(),
    )


def _cameras(pen: Pen, look: Look, left: float, top: float, island: Colour) -> None:
    """Draw the cameras, the same for a phone and for what is made for it."""
    rng = Random(f"{look.phone} cameras")
    columns, rows = rng.choice(((1, 2), (1, 3), (2, 2), (2, 1), (3, 1), (1, 1)))
    radius = rng.choice((3, 5.5))
    pen.box((left, top, left + 3 + 8 * columns, top + 3 + 8 * rows), island, radius)
    for column in range(columns):
        for row in range(rows):
            pen.disc(left + 5.5 + 8 * column, top + 5.5 + 8 * row, 3.1, _DARK)
            pen.disc(left + 4.8 + 8 * column, top + 4.8 + 8 * row, 0.9, _GLASS)


def _phone(pen: Pen, look: Look) -> None:
    radius = 3 + 5 * look.bend
    pen.box((44, 7, 85, 93), _DARK, radius)  # its front looks out from behind
    pen.box((46, 9, 83, 91), look.accent, radius - 1.5)
    pen.disc(70, 40 + 16 * look.bend, 9, shade(look.accent, 1.5))
    pen.box((15, 5, 57, 95), look.paint, radius)
    _cameras(pen, look, 18.5, 8.5, shade(look.paint, 0.86))
    pen.text(36, 74, look.brand, 7, ink(look.paint), room=36)


def _case(pen: Pen, look: Look) -> None:
    paint, radius = look.paint, 4 + 5 * look.bend
    if "Wallet" in look.name:
        pen.box((6, 7, 50, 93), shade(paint, 0.8), 4)
        for top in (20, 36, 52):  # slots for cards
            pen.box((11, top, 46, top + 11), shade(paint, 1.12), 1)
        pen.box((46, 7, 94, 93), paint, 4)
        pen.box((88, 44, 98, 56), look.accent, 3)
        _cameras(pen, look, 52, 12, _DARK)
        pen.text(70, 76, look.brand, 6, ink(paint), room=40)
        return
    if "Rugged" in look.name:
        for x in (24, 76):
            for y in (7, 93):
                pen.disc(x, y, 8, _DARK)
        pen.box((20, 40, 80, 60), _DARK, 3)
    pen.box((23, 4, 77, 96), paint, radius)
    if "Bumper" in look.name:  # a frame alone, and one sees through it
        pen.box((29, 10, 71, 90), shade(_GLASS, 1.5), radius - 2)
    elif "Leather" in look.name:
        for x in (27, 73):
            for top in range(9, 92, 5):
                pen.line([(x, top), (x, top + 2.6)], shade(paint, 1.45 if sum(paint) < 600 else 0.7), 0.9)
    elif "Silicone" in look.name:
        pen.ring(50, 66, 11, shade(paint, 0.75), 1.6)
    elif "Rugged" in look.name:
        for top in range(48, 86, 8):
            pen.line([(32, top), (50, top + 6), (68, top)], shade(paint, 0.6), 2.2)
    _cameras(pen, look, 29, 10, _DARK)
    pen.text(50, 82, look.brand, 6, ink(shade(_GLASS, 1.5) if "Bumper" in look.name else paint), room=44)


def _screen_protector(pen: Pen, look: Look) -> None:
    tint = (74, 80, 92) if "Privacy" in look.name else (228, 230, 226) if "Matte" in look.name else _GLASS
    sheets = min(look.amount, 5)
    for sheet in range(sheets):
        left, top = 12 + 7 * (sheets - sheet), 4 + 3 * sheet
        pen.box((left, top, left + 36, top + 78), tint, 4)
        if "Cover" in look.name:
            pen.box((left + 2.5, top + 6, left + 33.5, top + 72), shade(tint, 1.3), 2)
        if "Glass" in look.name:
            pen.line([(left + 7, top + 34), (left + 27, top + 10)], (255, 255, 255), 2.2)
        pen.disc(left + 18, top + 4, 1.2, _DARK)
    pen.box((10, 82, 92, 98), look.paint, 2)
    pen.text(51, 90, " ".join(filter(None, (look.brand, look.label))), 7.5, ink(look.paint), room=76)


def _battery(pen: Pen, look: Look) -> None:
    high = 40 - 12 * look.bend
    pen.box((22, 50 - high, 78, 50 + high), look.paint, 3)
    pen.box((22, 50 - high, 78, 58 - high), (214, 176, 72), 2)
    for contact in range(4):
        pen.box((30 + 11 * contact, 51.5 - high, 36 + 11 * contact, 56 - high), (120, 90, 30))
    panel = shade(look.paint, 1.8)
    pen.box((28, 64 - high, 72, 44 + high), panel, 2)
    bolt = [(52, -9), (46, 1), (50, 1), (48, 9), (55, -2), (51, -2)]
    pen.shape([(x, 50 + y) for x, y in bolt], look.accent)
    pen.text(50, 69 - high, look.brand, 6, _DARK, room=36)
    pen.text(50, 39 + high, look.label, 7, _DARK, room=36)


def _wireless_charger(pen: Pen, look: Look) -> None:
    low = 70 if "Thin" in look.name else 84
    pen.line([(50, low - 2), (54, low + 8), (72, low + 12)], _DARK, 3)
    if "Foldable" in look.name:
        pen.box((14, 54, 86, 86), shade(look.paint, 0.82), 8)
        pen.box((14, 14, 86, 60), look.paint, 8)
    else:
        pen.disc(50, 50, 40, look.paint, high=(low - 50) / 40)
    middle, radius = (50, 13.0) if "Thin" in look.name else (42, 15 + 5 * look.bend)
    pen.ring(50, middle, radius, look.accent, 2.4)
    if "Fast" in look.name:
        pen.ring(50, middle, radius + 5, shade(look.accent, 1.5), 1.4)
    pen.text(50, middle, look.label, 12, ink(look.paint), room=24)
    side, line = (76, 50) if "Thin" in look.name else (50, 72)
    pen.text(side, line, look.brand, 6, ink(look.paint), room=22 if side == 76 else 44)


def _holder(pen: Pen, look: Look) -> None:
    if "Gooseneck" in look.name:
        pen.line([(22, 94), (20, 70), (34, 54), (52, 60), (66, 46)], _METAL, 4.5)
        pen.box((10, 88, 40, 97), look.paint, 3)
    elif "Dashboard" in look.name:
        pen.line([(40, 90), (56, 46)], shade(look.paint, 0.8), 9)
        pen.disc(38, 90, 24, look.paint, high=0.3)
    elif "Vent" in look.name:
        for top in (74, 82, 90):
            pen.line([(10, top), (90, top)], (150, 154, 160), 4)
        pen.box((44, 52, 60, 86), look.paint, 3)
    else:
        pen.line([(52, 92), (56, 48)], _METAL, 7)
        pen.disc(50, 92, 20, look.paint, high=0.28)
    if "Magnetic" in look.name:
        pen.disc(56, 36, 28, look.paint)
        pen.disc(56, 36, 20, _METAL)
        pen.text(56, 36, look.brand, 6, _DARK, room=34)
        return
    pen.box((26, 14, 34, 50), look.accent, 2)  # its jaws hold a phone, here without one
    pen.box((78, 14, 86, 50), look.accent, 2)
    pen.box((32, 10, 80, 54), look.paint, 4 + 6 * look.bend)
    pen.text(56, 32, look.brand, 7, ink(look.paint), room=40)


def _wall_charger(pen: Pen, look: Look) -> None:
    if "Foldable" not in look.name:
        for left in (38, 56):
            pen.box((left, 4, left + 6, 24), _METAL, 1)
    low = 74 if "Compact" in look.name else 90
    pen.box((22, 20, 78, low), look.paint, 4 + 8 * look.bend)
    ports = (36, 56) if "Dual" in look.name else (46,)
    for left in ports:
        pen.box((left, low - 18, left + 9, low - 13), _DARK, 1)
    pen.text(50, low * 0.4 + 4, look.label, 14, ink(look.paint), room=40)
    pen.text(50, low * 0.6 + 4, look.brand, 6.5, ink(look.paint), room=46)


def _cable(pen: Pen, look: Look) -> None:
    paint, width = look.paint, 5.5 if "Flat" in look.name else 3.4
    loops = {3: 1, 6: 2, 10: 4}.get(look.amount, 2)
    for loop in range(loops):
        pen.ring(50, 50, 34 - (width + 1.2) * loop, paint, width)
        if "Braided" in look.name:
            for start in range(0, 360, 20):
                pen.ring(50, 50, 34 - (width + 1.2) * loop, shade(paint, 0.55), width, (start, start + 6))
    if "Coiled" in look.name:
        pen.line([(16 + 4 * step, 84 + 6 * (step % 2)) for step in range(18)], paint, 2.4)
    for left in (22, 66):
        pen.line([(left + 6, 40), (left + 6, 14)], paint, width)
        pen.box((left, 8, left + 12, 26), shade(paint, 0.8), 2)
        pen.box((left + 2.5, 0, left + 9.5, 8), _METAL, 1)
    pen.box((34, 44, 66, 60), look.accent, 2)
    pen.text(50, 52, look.label or look.brand, 9, ink(look.accent), room=28)


def _power_bank(pen: Pen, look: Look) -> None:
    size = min(1.0, look.amount / 27_000)
    left, top = 34 - 14 * size, 22 - 14 * size
    pen.box((left, top, 100 - left, 100 - top), look.paint, 3 + 7 * look.bend)
    if "Solar" in look.name:
        panel = (24, 34, 70)
        high, low = top + 16, 78 - top
        pen.box((left + 5, high, 95 - left, low), panel, 1)
        for step in range(1, 4):
            y = high + (low - high) * step / 4
            pen.line([(left + 5, y), (95 - left, y)], shade(panel, 1.5), 0.8)
        pen.line([(50, high), (50, low)], shade(panel, 1.5), 0.8)
    for light in range(4):
        pen.disc(44 + 4 * light, top + 11, 1.3, (120, 230, 140))
    for port in (40, 54):
        pen.box((port, top + 2, port + 7, top + 6), _DARK, 1)
    line, room = 95 - top if "Solar" in look.name else 56, 88 - 2 * left
    pen.text(50, line - 10, look.brand, 6.5, ink(look.paint), room)
    pen.text(50, line, look.label, 8, ink(look.paint), room)


def _earbuds(pen: Pen, look: Look) -> None:
    big = 11 if "Noise" in look.name else 8.5
    for x, side in ((30, -1), (70, 1)):
        if "Wired" in look.name:
            pen.line([(x, 36), (x, 60), (50, 76), (50, 99)], look.paint, 1.8)
        else:
            pen.box((x - 3.5, 24, x + 3.5, 52), look.paint, 3)
        if "Sport" in look.name:
            pen.ring(x + 6 * side, 18, 13, look.paint, 2.6, (150, 330) if side > 0 else (210, 390))
        pen.disc(x, 26, big, look.paint)
        pen.disc(x - 5 * side, 26, big * 0.6, shade(look.paint, 0.55))
    if "Wired" not in look.name:
        pen.box((18, 60, 82, 94), look.paint, 8 + 8 * look.bend)
        pen.line([(18.5, 72), (81.5, 72)], shade(look.paint, 0.6), 1)
        pen.disc(50, 78, 1.5, look.accent)
        pen.text(50, 86, look.brand, 6, ink(look.paint), room=50)


def _headphones(pen: Pen, look: Look) -> None:
    band, high = 6 + 3 * look.bend, 1.5 if "Studio" in look.name else 1.25
    pen.ring(50, 50, 40, look.paint, band, (180, 360))
    for x, side in ((14, 1), (86, -1)):
        pen.disc(x + 5 * side, 62, 14, _DARK, high)
        pen.disc(x, 62, 13, look.paint, high)
        pen.disc(x, 62, 7, look.accent, high)
    if "Foldable" in look.name:
        for x in (13, 87):
            pen.disc(x, 44, 4, _METAL)
    if "Studio" in look.name:
        pen.line([(14, 80), (20, 92), (38, 98)], _DARK, 2)
    pen.text(50, 10 + band / 2, look.brand, 5, ink(look.paint), room=24)


def _memory_card(pen: Pen, look: Look) -> None:
    paint = look.paint
    pen.shape([(22, 6), (66, 6), (66, 22), (78, 34), (78, 94), (22, 94)], paint)
    pen.box((24, 12, 64, 28), look.accent, 1)
    pen.text(44, 20, look.brand, 7, ink(look.accent), room=36)
    pen.text(50, 52, look.label, 15, ink(paint), room=50)
    if "High" in look.name:
        pen.line([(30, 72), (70, 72)], look.accent, 4)
    mark = "10" if "Class" in look.name else "V30" if "High" in look.name else "24h"
    pen.ring(34, 82, 7, ink(paint), 1.2)
    pen.text(34, 82, mark, 6, ink(paint), room=9)


SHAPES: Mapping[str, Callable[[Pen, Look], None]] = {
    "phone": _phone,
    "case": _case,
    "screen protector": _screen_protector,
    "battery": _battery,
    "wireless charger": _wireless_charger,
    "holder": _holder,
    "wall charger": _wall_charger,
    "cable": _cable,
    "power bank": _power_bank,
    "earbuds": _earbuds,
    "headphones": _headphones,
    "memory card": _memory_card,
}
