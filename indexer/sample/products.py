"""One product of the sample catalogue, with everything that is true of it."""

from dataclasses import dataclass
from enum import StrEnum

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IDS = 36**8
# Coprime to 36, so that numbering is one to one; large, so that neighbours look unrelated.
_STRIDE = 1_103_515_245_013
_START = 524_287_000_001


class Role(StrEnum):
    """What a product does in the graph of shoppers."""

    PHONE = "phone"
    ACCESSORY = "accessory"
    HUB = "hub"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class SampleProduct:
    """One seller's offer of one product.

    Args:
        product_id: Looks like an ASIN.
        identity: The same for all offers of one product, whatever their wording.
        variant_group: The same for all variants of one product line.
        category: The kind of product, such as "case".
        role: A cold product has no link in either direction; a hub is linked from everywhere.
        goes_with: The phone whose owners buy it, maker and model; empty for hubs.
        name: The product's own name, one for each identity.
        title: This seller's wording of it.
        brand: Who makes it.
        colour: One of `kinds.COLOURS`, named in the title where colour is what varies.
        variant: What tells it from the others of its variant group, such as "64GB, Black".
        price: In dollars.
        sales: How popular it is, from 1, by a power law.
        categories: From the broadest to the narrowest.
        description: Paragraphs; may be empty.
        features: Bullet points; may be empty.
        image_url: On a reserved host that never resolves.
        also_buy: Ids of complements, of hubs, of products not in the catalogue, and now and then its own.
        also_view: Ids of substitutes and variants, likewise.
    """

    product_id: str
    identity: int
    variant_group: int
    category: str
    role: Role
    goes_with: str
    name: str
    title: str
    brand: str
    colour: str
    variant: str
    price: float
    sales: float
    categories: tuple[str, ...]
    description: tuple[str, ...]
    features: tuple[str, ...]
    image_url: str
    also_buy: tuple[str, ...] = ()
    also_view: tuple[str, ...] = ()


def asin(number: int) -> str:
    """Give the id of the product of that number; different numbers below 36**8 give different ids."""
    scattered = (_START + number * _STRIDE) % _IDS
    digits = ""
    for _ in range(8):
        scattered, digit = divmod(scattered, 36)
        digits = _ALPHABET[digit] + digits
    return "B0" + digits


def image_url(product_id: str) -> str:
    """Give the address of a product's picture, which nothing answers."""
    return f"https://images.example/{product_id}.jpg"
