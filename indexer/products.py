"""What a line of a catalogue becomes: a product, or a rejected line with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NO_FIELDS: Mapping[str, str | float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a catalogue, cleaned.

    Args:
        product_id: The catalogue's own id (an ASIN, a SKU); never empty.
        title: One line of plain text; empty when the catalogue has none.
        description: Plain text, paragraphs joined by spaces.
        brand: As the catalogue spells it, entities decoded.
        categories: From the broadest to the narrowest, or an unordered set, as given.
        features: Bullet points, plain text.
        price: In the catalogue's own currency, the lower end of a range; None when not given.
        image_urls: Best resolution first.
        source: Who offers it (a merchant, a shop); two offers of one source are never one product.
        also_buy: Ids of products bought by the same shoppers.
        also_view: Ids of products viewed by the same shoppers.
        bought_together: Ids of products bought in the same basket.
        fields: Any further mapped column by its name, kept as payload and usable in filters.
        file: The catalogue file it was read from; no part of what makes two products equal.
        line: Its line there, from 1; 0 when it was not read from a file.

    Raises:
        ValueError: If `product_id` is empty.
    """

    product_id: str
    title: str = ""
    description: str = ""
    brand: str = ""
    categories: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    price: float | None = None
    image_urls: tuple[str, ...] = ()
    source: str = ""
    also_buy: tuple[str, ...] = ()
    also_view: tuple[str, ...] = ()
    bought_together: tuple[str, ...] = ()
    fields: Mapping[str, str | float] = field(default_factory=lambda: NO_FIELDS)
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if not self.product_id:
            raise ValueError("product_id must not be empty")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A catalogue line that cannot be used.

    Args:
        line: Line number in its file, from 1 (row number for Parquet).
        reason: Why, short and the same for every line of its kind, so that reasons can be counted.
        file: The catalogue file it came from.
        text: The line as read, shortened to at most 2,000 characters.
    """

    line: int
    reason: str
    file: str = ""
    text: str = ""
