"""Stock a shelf: one phone model and all that its owners buy, in variants, from several sellers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, product
from random import Random

from .kinds import ACCESSORIES, COLOURS, DEPARTMENT, HUBS, PHONE, Kind
from .products import Role, SampleProduct, asin, image_url
from .wording import ProductLine, offer_titles
from .words import ACCESSORY_BRANDS, HUB_BRAND, PHONE_FAMILIES, PRODUCT_LINES

_COLD_GROUPS = 0.04
_COLD_OFFERS = 0.06


@dataclass(frozen=True, slots=True)
class PhoneModel:
    """A phone that the sample's accessories are made for: Karvo makes the Arc 5 Pro, shelf 7 is its shelf."""

    maker: str
    model: str
    shelf: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers given out so far."""

    products: Iterator[int] = field(default_factory=count)
    identities: Iterator[int] = field(default_factory=count)
    variant_groups: Iterator[int] = field(default_factory=count)


@dataclass(frozen=True, slots=True)
class _Group:
    """What the variants of one product line share."""

    number: int
    kind: Kind
    goes_with: str
    line: ProductLine
    colour: str
    price: float
    role: Role


def phone_families(rng: Random) -> Iterator[list[PhoneModel]]:
    """Name phones without end, a family at a time: two generations of one series, with their suffixes."""
    shelves = count()
    for first in count(3, 2):
        for maker, series, suffixes in rng.sample(PHONE_FAMILIES, len(PHONE_FAMILIES)):
            yield [
                PhoneModel(maker, f"{series} {generation}{suffix}", next(shelves))
                for generation in (first, first + 1)
                for suffix in suffixes
            ]


def stock_shelf(phone: PhoneModel, numbers: Numbers, rng: Random) -> Iterator[SampleProduct]:
    """Yield the offers of a phone and of accessories for it, without links."""
    # Early models are the popular ones: how far ahead of the rest follows Zipf's law, softened.
    popularity = 1 + 20 / math.sqrt(1 + phone.shelf)
    for kind in (PHONE, *rng.sample(ACCESSORIES, rng.randint(6, 9))):
        for group in _groups(kind, phone, numbers, rng):
            yield from _offers(group, numbers, rng, popularity=popularity)


def stock_hubs(numbers: Numbers) -> list[SampleProduct]:
    """List the few best-sellers that go with every phone, without links."""
    hubs = []
    kinds = {kind.name: kind for kind in ACCESSORIES}
    for category, title, price in HUBS:
        product_id = asin(next(numbers.products))
        hubs.append(
            SampleProduct(
                product_id=product_id,
                identity=next(numbers.identities),
                variant_group=next(numbers.variant_groups),
                category=category,
                role=Role.HUB,
                goes_with="",
                name=title,
                title=title,
                brand=HUB_BRAND,
                colour=COLOURS[0],
                variant=title.rpartition(", ")[2],
                price=price,
                sales=10_000.0,
                categories=(DEPARTMENT, *kinds[category].categories),
                description=(f"{title}. Goes with every phone.",),
                features=kinds[category].selling_points,
                image_url=image_url(product_id),
            )
        )
    return hubs


def _groups(kind: Kind, phone: PhoneModel, numbers: Numbers, rng: Random) -> Iterator[_Group]:
    """Yield competing product lines of one kind."""
    for line in [_phone_line(phone, rng)] if kind is PHONE else _rival_lines(kind, phone, rng):
        role = Role.PHONE if kind is PHONE else Role.ACCESSORY
        low, high = kind.prices
        yield _Group(
            number=next(numbers.variant_groups),
            kind=kind,
            goes_with=f"{phone.maker} {phone.model}",
            line=line,
            colour=rng.choice(COLOURS),
            price=math.exp(rng.uniform(math.log(low), math.log(high))),
            role=Role.COLD if rng.random() < _COLD_GROUPS else role,
        )


def _phone_line(phone: PhoneModel, rng: Random) -> ProductLine:
    return ProductLine(phone.maker, phone.model, rng.choice(PHONE.styles), PHONE.nouns, None)


def _rival_lines(kind: Kind, phone: PhoneModel, rng: Random) -> list[ProductLine]:
    """Invent one to three product lines; no two share brand or line, and no other shelf has the same."""
    rivals = rng.choices((1, 2, 3), (45, 40, 15))[0]
    fits: tuple[str, str] | None = (phone.maker, phone.model)
    number = ""
    if not kind.fits_model:
        # Nothing else in its name says which shelf it is from, so its line gets a number that no other shelf uses.
        fits, number = None, f" {(phone.shelf + 10) * len(ACCESSORIES) + ACCESSORIES.index(kind)}"
    brands, lines = rng.sample(ACCESSORY_BRANDS, rivals), rng.sample(PRODUCT_LINES, rivals)
    return [
        ProductLine(brand, f"{line}{number}", rng.choice(kind.styles), kind.nouns, fits)
        for brand, line in zip(brands, lines, strict=True)
    ]


def _variants(kind: Kind, rng: Random) -> list[tuple[str, ...]]:
    """Choose the options of each variant, so that every variant has a sibling one word away."""
    if len(kind.options) == 1:
        return [(value,) for value in rng.sample(kind.options[0], rng.choices((1, 2, 3), (30, 40, 30))[0])]
    grid = list(product(*(rng.sample(axis, 2) for axis in kind.options)))
    return grid[: rng.randint(2, len(grid))]


def _offers(group: _Group, numbers: Numbers, rng: Random, *, popularity: float) -> Iterator[SampleProduct]:
    """Yield every seller's offer of every variant of one product line."""
    for options in _variants(group.kind, rng):
        identity = next(numbers.identities)
        offers = rng.choices((1, 2, 3, 4), (35, 35, 20, 10))[0]
        for title in offer_titles(group.line, options, offers, rng):
            sales = popularity * rng.paretovariate(1.2)
            yield _offer(group, options, title, identity=identity, number=next(numbers.products), sales=sales, rng=rng)


def _offer(
    group: _Group, options: tuple[str, ...], title: str, *, identity: int, number: int, sales: float, rng: Random
) -> SampleProduct:
    """Fill in one seller's offer."""
    kind = group.kind
    product_id = asin(number)
    return SampleProduct(
        product_id=product_id,
        identity=identity,
        variant_group=group.number,
        category=kind.name,
        role=Role.COLD if rng.random() < _COLD_OFFERS else group.role,
        goes_with=group.goes_with,
        name=f"{group.line.name}, {', '.join(options)}",
        title=title,
        brand=group.line.brand,
        colour=next((option for option in options if option in COLOURS), group.colour),
        variant=", ".join(options),
        price=round(group.price * _option_factor(kind, options) * rng.uniform(0.96, 1.04), 2),
        sales=sales,
        categories=(DEPARTMENT, *kind.categories),
        description=_description(group, rng),
        features=tuple(rng.sample(kind.selling_points, 3)) if rng.random() < 0.75 else (),
        image_url=image_url(product_id),
    )


def _option_factor(kind: Kind, options: tuple[str, ...]) -> float:
    """Return how much dearer a variant is than the smallest one; colours cost nothing."""
    steps = [axis.index(option) for axis, option in zip(kind.options, options, strict=True) if option not in COLOURS]
    return 1 + 0.12 * sum(steps)


def _description(group: _Group, rng: Random) -> tuple[str, ...]:
    """Describe a product in none, one or two paragraphs."""
    paragraphs = (
        f"The {group.line.name} is made for every day: {rng.choice(group.kind.selling_points).lower()}.",
        f"In the box: one {group.kind.nouns[0].lower()} and a short manual.",
    )
    return paragraphs[: rng.choices((0, 1, 2), (25, 50, 25))[0]]
