"""The sample's world, one family of phones after another."""

from collections.abc import Iterator
from random import Random

from .links import Shoppers
from .products import SampleProduct
from .shelves import Numbers, phone_families, stock_hubs, stock_shelf

MINIMUM = 50


def sample_products(products: int, *, seed: int) -> Iterator[SampleProduct]:
    """Invent a catalogue of phones and accessories, with everything that is true of each product.

    The same arguments always give the same products. Memory does not grow with their number: a family of
    phones and its accessories is made, linked and yielded before the next.

    Args:
        products: How many, from `MINIMUM`.
        seed: Another seed, another catalogue; ids alone are the same.

    Returns:
        The products, hubs last, otherwise family by family.

    Raises:
        ValueError: If `products` is below `MINIMUM`.
    """
    if products < MINIMUM:
        raise ValueError(f"products must be at least {MINIMUM} to fill one phone's shelf, got {products}: ask for more")
    return _products(products, Random(f"{seed} products"))


def _products(room: int, rng: Random) -> Iterator[SampleProduct]:
    numbers = Numbers()
    shoppers = Shoppers(stock_hubs(numbers))
    room -= len(shoppers.hubs)
    for family in phone_families(rng):
        stock = [product for phone in family for product in stock_shelf(phone, numbers, rng)][:room]
        room -= len(stock)
        yield from shoppers.link(stock, rng)
        if not room:
            break
    yield from shoppers.link_hubs()
