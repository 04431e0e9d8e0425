"""Link products the way shoppers do: complements bought, substitutes viewed, hubs with everything."""

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from .kinds import ACCESSORIES, PHONE
from .products import Role, SampleProduct, asin

_BESTSELLERS = 100
_MOST_LINKS = 30
# Numbers of products never listed start here: far above any catalogue's, so that links to them dangle.
_UNLISTED = 10**11

_ANSWERED = 0.6
_OTHER_FAMILY = 0.3
_HUB = 0.4
_HUB_VIEWED = 0.05
_DANGLING = 0.3
_ITSELF = 0.01
# What fits one phone is rarely compared with what fits another; phones, chargers and headphones are.
_COMPARED = {kind.name: 0.25 if kind.fits_model else 0.8 for kind in (PHONE, *ACCESSORIES)}


class _Links:
    """The links of some products, in the order they were made, none twice."""

    def __init__(self, products: Iterable[SampleProduct]) -> None:
        self.of: dict[str, dict[str, None]] = {product.product_id: {} for product in products}

    def add(self, product_id: str, others: Iterable[str]) -> None:
        self.of[product_id].update(dict.fromkeys(others))

    def add_answered(self, product_id: str, others: Iterable[str], rng: Random) -> None:
        """Link, and often link back: a shop's lists are cut to a length, so many links are one-directional."""
        for other in others:
            self.of[product_id][other] = None
            if rng.random() < _ANSWERED:
                self.of[other][product_id] = None


@dataclass(slots=True)
class Shoppers:
    """What shoppers know of the catalogue so far: enough to link a new family of phones to the earlier ones.

    Args:
        hubs: The products linked from everywhere.
        bestsellers: Sales and ids of the most popular products, a heap.
        popular: A few recent popular ids of each category.
    """

    hubs: Sequence[SampleProduct]
    bestsellers: list[tuple[float, str]] = field(default_factory=list)
    popular: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=30)))

    def link(self, stock: Sequence[SampleProduct], rng: Random) -> list[SampleProduct]:
        """Link a family's products with each other, with the hubs and with what was linked before.

        Args:
            stock: All offers of one family of phones and its accessories; cold ones stay without links.
            rng: Where chance comes from.

        Returns:
            The same products in the same order, with links.
        """
        warm = [product for product in stock if product.role is not Role.COLD]
        bought, viewed = _Links(stock), _Links(stock)
        _link_complements(warm, bought, rng)
        _link_substitutes(warm, viewed, rng)
        for product in warm:
            self._link_beyond(product, bought, viewed, rng)
        self._remember(warm)
        return [
            replace(
                product,
                also_buy=tuple(bought.of[product.product_id]),
                also_view=tuple(viewed.of[product.product_id]),
            )
            for product in stock
        ]

    def link_hubs(self) -> list[SampleProduct]:
        """Link the hubs to the best-sellers of the whole catalogue and to each other."""
        bestsellers = [product_id for _, product_id in sorted(self.bestsellers, reverse=True)]
        hubs = [hub.product_id for hub in self.hubs]
        return [
            replace(hub, also_buy=(*bestsellers, *(other for other in hubs if other != hub.product_id)))
            for hub in self.hubs
        ]

    def _link_beyond(self, product: SampleProduct, bought: _Links, viewed: _Links, rng: Random) -> None:
        """Link one product to the hubs, to other families, to what is not in the catalogue, or to itself."""
        own = product.product_id
        bought.add(own, [hub.product_id for hub in self.hubs if rng.random() < _HUB])
        viewed.add(own, [hub.product_id for hub in self.hubs if rng.random() < _HUB_VIEWED])
        if self.bestsellers and rng.random() < _OTHER_FAMILY:
            bought.add(own, [rng.choice(self.bestsellers)[1]])
        rivals = self.popular[product.category]
        if rivals and rng.random() < _COMPARED[product.category]:
            viewed.add(own, rng.sample(rivals, min(2, len(rivals))))
        if rng.random() < _DANGLING:
            bought.add(own, [asin(_UNLISTED + rng.randrange(_UNLISTED)) for _ in range(rng.randint(1, 3))])
        if rng.random() < _ITSELF:
            rng.choice((bought, viewed)).add(own, [own])

    def _remember(self, warm: Iterable[SampleProduct]) -> None:
        for product in warm:
            heapq.heappush(self.bestsellers, (product.sales, product.product_id))
            if len(self.bestsellers) > _BESTSELLERS:
                heapq.heappop(self.bestsellers)
            self.popular[product.category].append(product.product_id)


def _link_complements(warm: Iterable[SampleProduct], bought: _Links, rng: Random) -> None:
    """Link each product to other kinds of product for the same phone, popular ones first."""
    shelves = defaultdict(list)
    for product in warm:
        shelves[product.goes_with].append(product)
    for shelf in shelves.values():
        for product in shelf:
            complements = [other for other in shelf if other.category != product.category]
            bought.add_answered(product.product_id, _draw(complements, _appetite(product), rng), rng)


def _link_substitutes(warm: Iterable[SampleProduct], viewed: _Links, rng: Random) -> None:
    """Link each product to its variants and rivals for the same phone, and to some for the phone's siblings."""
    categories = defaultdict(list)
    for product in warm:
        categories[product.category].append(product)
    for category in categories.values():
        for product in category:
            others = [other for other in category if other.identity != product.identity]
            same_phone = [other for other in others if other.goes_with == product.goes_with]
            viewed.add_answered(product.product_id, _draw(same_phone, rng.randint(2, 6), rng), rng)
            if rng.random() < _COMPARED[product.category]:
                viewed.add_answered(product.product_id, _draw(others, 2, rng), rng)


def _appetite(product: SampleProduct) -> int:
    """Return how many complements to draw: more for what sells more."""
    return min(_MOST_LINKS, 3 + round(math.sqrt(product.sales)))


def _draw(products: Sequence[SampleProduct], count: int, rng: Random) -> list[str]:
    """Draw ids by sales; a product drawn twice counts once."""
    if not products:
        return []
    weights = [product.sales for product in products]
    drawn = rng.choices(products, weights, k=count)
    return list(dict.fromkeys(product.product_id for product in drawn))
