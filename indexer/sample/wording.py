"""One product in many sellers' words."""

import re
from dataclasses import dataclass
from random import Random

from .words import ABBREVIATIONS, FITS_PHRASES, MARKETING, TITLE_TEMPLATES

_UNIT = re.compile(r"(?<=\d)(GB|mAh|W|ft)\b")
_LONG_WORD = re.compile(r"\b[A-Z]?[a-z]{5,}\b")
_MOST_OFFERS = len(TITLE_TEMPLATES)


@dataclass(frozen=True, slots=True)
class ProductLine:
    """What a maker calls a product, whichever its variant.

    Args:
        brand: The maker; a seller may leave it out.
        line: The maker's name for the product; in every title.
        style: What kind of case or cable it is.
        nouns: What it may be called, the usual word first.
        fits: Maker and model of the phone it is made for, or None.
    """

    brand: str
    line: str
    style: str
    nouns: tuple[str, ...]
    fits: tuple[str, str] | None

    @property
    def name(self) -> str:
        """The line in its maker's own words."""
        fits = f" for {' '.join(self.fits)}" if self.fits else ""
        return f"{self.brand} {self.line} {self.style} {self.nouns[0]}{fits}"


def offer_titles(line: ProductLine, options: tuple[str, ...], offers: int, rng: Random) -> list[str]:
    """Word one product as several sellers would, each differently.

    Args:
        line: What the product is called.
        options: What tells this variant from its siblings, such as ("64GB", "Black").
        offers: How many titles, at most one a template.
        rng: Where chance comes from.

    Returns:
        The titles, no two alike.

    Raises:
        ValueError: If there are fewer templates than offers.
    """
    if offers > _MOST_OFFERS:
        raise ValueError(f"one product can have at most {_MOST_OFFERS} offers, got {offers}: add a title template")
    names = {*line.brand.split(), *line.line.split(), *options, *(line.fits or ())}
    titles = []
    for template in rng.sample(TITLE_TEMPLATES, offers):
        title = template.format(
            brand=line.brand,
            line=line.line,
            style=line.style,
            noun=rng.choice(line.nouns),
            options=rng.choice((", ", " ")).join(options),
            fits=rng.choice(FITS_PHRASES).format(maker=line.fits[0], model=line.fits[1]) if line.fits else "",
        )
        titles.append(_respelled(title, rng, names=names))
    return titles


def _respelled(title: str, rng: Random, *, names: set[str]) -> str:
    """Spell a title as sellers do: units apart, words cut short, praise at the end, seldom a slip of the finger."""
    if rng.random() < 0.4:
        title = _UNIT.sub(r" \1", title)
    for word, short in ABBREVIATIONS:
        if rng.random() < 0.25:
            title = title.replace(word, short)
    if rng.random() < 0.03:
        title = _misspelled(title, rng, names=names)
    if rng.random() < 0.3:
        title = f"{title} - {rng.choice(MARKETING)}"
    if rng.random() < 0.03:
        title = title.upper()
    return title


def _misspelled(title: str, rng: Random, *, names: set[str]) -> str:
    """Swap two letters inside one long word, never in a name: a misspelt name would be another product."""
    words = [match for match in _LONG_WORD.finditer(title) if match.group() not in names]
    if not words:
        return title
    start = rng.choice(words).start() + 2
    return title[:start] + title[start + 1] + title[start] + title[start + 2 :]
