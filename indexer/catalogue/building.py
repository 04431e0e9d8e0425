"""A record becomes a product: every field looked up where the layout says, then cleaned."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from ..clean import (
    clean_categories,
    clean_field,
    clean_id,
    clean_links,
    clean_price,
    clean_text,
    clean_texts,
    clean_title,
    clean_url,
    flatten,
)
from ..products import NO_FIELDS, Product
from .formats import PRODUCT_FIELDS, Layout


def look_up(values: Any, path: str) -> Any:
    """Find a value by its dotted path: keys, list positions from 0, or a key of every object in a list.

    A column that is itself called by the whole path wins. None when there is nothing at the path.

    Args:
        values: Nested objects and lists.
        path: Such as `price`, `offer.price`, `offers.0.price` or `images.large`.
    """
    if isinstance(values, dict) and path in values:
        return values[path]
    key, _, rest = path.partition(".")
    if isinstance(values, dict):
        found = values.get(key)
    elif isinstance(values, list) and key.isdecimal():
        found = values[int(key)] if int(key) < len(values) else None
    elif isinstance(values, list):
        return [look_up(item, path) for item in values] or None
    else:
        return None
    return look_up(found, rest) if rest else found


def build_product(
    values: Mapping[str, Any], layout: Layout, *, list_separator: str | None = None, file: str = "", line: int = 0
) -> Product | None:
    """Make a product of a record; None when it has no product id.

    Args:
        values: The record's values by column, nested or flat.
        layout: Where each field is found.
        list_separator: Where texts in list columns are cut; category paths are cut at " > " besides.
        file: Where the record stood.
        line: Its line there, from 1.
    """
    product_id = clean_id(_first(values, layout, "product_id"))
    if not product_id:
        return None
    features = clean_texts(_all(values, layout, "features"), separator=list_separator)

    def links(name: str) -> tuple[str, ...]:
        return clean_links(_all(values, layout, name), product_id=product_id, separator=list_separator)

    return Product(
        product_id=product_id,
        title=clean_title(_first(values, layout, "title")),
        description=clean_text(_first(values, layout, "description")),
        brand=clean_text(_first(values, layout, "brand")),
        categories=clean_categories(_all(values, layout, "categories"), features=features, separator=list_separator),
        features=features,
        price=clean_price(_first(values, layout, "price")),
        image_urls=_image_urls(values, layout, list_separator),
        source=clean_text(_first(values, layout, "source")),
        also_buy=links("also_buy"),
        also_view=links("also_view"),
        bought_together=links("bought_together"),
        fields=_further_fields(values, layout) or NO_FIELDS,
        file=file,
        line=line,
    )


def _first(values: Mapping[str, Any], layout: Layout, name: str) -> Any:
    for path in layout.columns.get(name, ()):
        value = look_up(values, path)
        if value or value == 0:
            return value
    return None


def _all(values: Mapping[str, Any], layout: Layout, name: str) -> Any:
    paths = layout.columns.get(name, ())
    return look_up(values, paths[0]) if len(paths) == 1 else [look_up(values, path) for path in paths]


def _image_urls(values: Mapping[str, Any], layout: Layout, separator: str | None) -> tuple[str, ...]:
    """Take each picture once at its best resolution, then what further columns name."""
    renditions = [_listed(look_up(values, path)) for path in layout.renditions]
    best = [next(filter(None, picture), None) for picture in zip_longest(*renditions)]
    urls = (clean_url(url) for url in flatten([best, _all(values, layout, "image_urls")], separator))
    return tuple(dict.fromkeys(url for url in urls if url))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _further_fields(values: Mapping[str, Any], layout: Layout) -> dict[str, str | float]:
    names = (name for name in layout.columns if name not in PRODUCT_FIELDS)
    found = {name: clean_field(_all(values, layout, name)) for name in names}
    return {name: value for name, value in found.items() if value != ""}
