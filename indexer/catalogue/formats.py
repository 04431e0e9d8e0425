"""Which column holds what: Amazon's three generations, tables by well-known names, and the caller's mapping."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..products import Product
from .errors import CatalogueError

PRODUCT_FIELDS = frozenset(spec.name for spec in fields(Product)) - {"fields", "file", "line"}
Columns = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where to find each field of a product.

    Args:
        name: What users call the layout.
        columns: Field -> dotted paths. Of a text or the price the first that says something counts, of a list all.
        marks: Columns of which one must be there for the layout to be recognised.
        renditions: Paths of the same pictures at falling resolution.
    """

    name: str
    columns: Columns
    marks: frozenset[str] = frozenset()
    renditions: tuple[str, ...] = field(default=())


# Ni, Li, McAuley: Justifying recommendations using distantly-labeled reviews and fine-grained aspects (2019): 2018.
# McAuley, Targett, Shi, van den Hengel: Image-based recommendations on styles and substitutes (2015): 2014.
# Hou, Li, He, Yan, Chen, McAuley: Bridging language and items for retrieval and recommendation (2024): 2023.
# Whoever buys another product after viewing this one saw a substitute in it, so `buy_after_viewing` is a view.
AMAZON = (
    Layout(
        "Amazon 2023",
        marks=frozenset({"parent_asin"}),
        columns={
            "product_id": ("parent_asin",),
            "title": ("title",),
            "description": ("description",),
            "brand": ("store", "details.Brand"),
            "categories": ("main_category", "categories"),
            "features": ("features",),
            "price": ("price",),
            "bought_together": ("bought_together",),
        },
        renditions=("images.hi_res", "images.large", "images.thumb"),
    ),
    Layout(
        "Amazon 2014",
        marks=frozenset({"related", "imUrl", "salesRank"}),
        columns={
            "product_id": ("asin",),
            "title": ("title",),
            "description": ("description",),
            "brand": ("brand",),
            "categories": ("categories",),
            "price": ("price",),
            "image_urls": ("imUrl",),
            "also_buy": ("related.also_bought",),
            "also_view": ("related.also_viewed", "related.buy_after_viewing"),
            "bought_together": ("related.bought_together",),
        },
    ),
    Layout(
        "Amazon 2018",
        marks=frozenset({"asin"}),
        columns={
            "product_id": ("asin",),
            "title": ("title",),
            "description": ("description",),
            "brand": ("brand",),
            "categories": ("category", "categories"),
            "features": ("feature",),
            "price": ("price",),
            "also_buy": ("also_buy",),
            "also_view": ("also_view",),
            "bought_together": ("bought_together",),
        },
        renditions=("imageURLHighRes", "imageURL", "image"),
    ),
)

# What `folder_source` tells of a picture.
IMAGES = Layout("images", {name: (name,) for name in ("product_id", "title", "folder")})

# Column names that say what they hold, likeliest first; case, spaces and dashes do not matter.
WELL_KNOWN: Columns = {
    "product_id": ("product_id", "id", "asin", "parent_asin", "sku", "uniq_id", "item_id", "offer_id", "gtin", "ean"),
    "title": ("title", "product_name", "product_title", "name", "item_name", "product_display_name"),
    "description": ("description", "product_description", "long_description", "body"),
    "brand": ("brand", "brand_name", "manufacturer", "maker"),
    "categories": (
        *("categories", "category", "category_path", "product_category", "category_name", "product_type"),
        *("amazon_category_and_sub_category", "google_product_category"),
    ),
    "features": ("features", "feature", "bullet_points", "about_product"),
    "price": ("price", "sale_price", "selling_price", "retail_price", "list_price"),
    "image_urls": ("image_urls", "image_url", "images", "image", "image_link", "imurl", "img", "picture"),
    "source": ("source",),  # not "shop" or "seller": a source keeps offers apart, so it has to be meant
    "also_buy": ("also_buy", "also_bought"),
    "also_view": ("also_view", "also_viewed"),
    "bought_together": ("bought_together",),
}


def choose_layout(
    columns: Sequence[str], *, path: Path, format: str, mapping: Columns, complete: bool, named: bool
) -> Layout:
    """Choose where each field is found: as mapped, else as the recognised format or well-known names have it.

    Args:
        columns: The file's column names, or those of its first records.
        path: The file, for errors.
        format: "auto", "amazon", "table" or "images".
        mapping: Field -> paths, as the caller states them.
        complete: Whether `columns` are all there can be.
        named: Whether the columns have names of their own (a table without header row has not).

    Raises:
        CatalogueError: If a mapped column is missing, or no column holds the product id.
    """
    layout = _recognised(columns, path=path, format=format, complete=complete, named=named)
    merged = {**layout.columns, **mapping}
    if complete:
        _check_mapped(columns, mapping, path, named)
    if not any(has_column(columns, column) for column in merged.get("product_id", ())):
        asked = "the mapped product id" if "product_id" in mapping else "a product id"
        problem = f"no column holds {asked}, there are {listed(columns)}"
        raise CatalogueError(path, f"{problem}: add `--map product_id=COLUMN`", line=1)
    renditions = () if "image_urls" in mapping else layout.renditions
    return Layout(layout.name, merged, renditions=renditions)


def recognised_fields(columns: Sequence[str], format: str, header: bool) -> list[str]:
    """Name the fields of a product that these columns hold, without any mapping.

    Args:
        columns: The file's column names, or those of its first records.
        format: As for `choose_layout`.
        header: Whether the columns have names of their own.
    """
    layout = _recognised(columns, path=Path(), format=format, complete=True, named=header)
    return [name for name, paths in layout.columns.items() if any(has_column(columns, path) for path in paths)]


def has_column(columns: Collection[str], path: str) -> bool:
    """Tell whether a dotted path begins at one of the columns."""
    return path in columns or path.split(".", 1)[0] in columns


def _recognised(columns: Sequence[str], *, path: Path, format: str, complete: bool, named: bool) -> Layout:
    if format == "images":
        return IMAGES
    known = frozenset(columns)
    table = Layout("table", well_known(columns) if named else {})
    if format == "table":
        return table
    amazon = next((row for row in AMAZON if row.marks & known and known.issuperset(row.columns["product_id"])), None)
    if amazon is None and format == "amazon":
        problem = f"has neither 'asin' nor 'parent_asin' for an id, there are {listed(columns)}"
        raise CatalogueError(path, f"{problem}: read it with `--format table`", line=1)
    if amazon is None or not complete:
        return amazon or table
    # A table made from Amazon's files may have renamed some columns: those go by well-known names.
    renditions = tuple(column for column in amazon.renditions if has_column(known, column))
    kept = {name: paths for name, paths in amazon.columns.items() if any(has_column(known, column) for column in paths)}
    guessed = {name: paths for name, paths in table.columns.items() if name != "image_urls" or not renditions}
    return Layout(amazon.name, {**guessed, **kept}, renditions=renditions)


def _check_mapped(columns: Sequence[str], mapping: Columns, path: Path, named: bool) -> None:
    for name, mapped in mapping.items():
        for column in mapped:
            if not has_column(columns, column):
                hint = "" if named else ", numbered from 1 as there is no header row"
                problem = f"there is no column {column!r} for {name}, there are {listed(columns)}{hint}"
                raise CatalogueError(path, f"{problem}: correct `--map {name}=COLUMN`", line=1)


def well_known(columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Find the fields that columns hold by their names: field -> the likeliest column."""
    spelled = {_spelling(column): column for column in reversed(columns)}
    found = {name: [spelled[s] for s in map(_spelling, likely) if s in spelled] for name, likely in WELL_KNOWN.items()}
    return {name: (hits[0],) for name, hits in found.items() if hits}


def _spelling(column: str) -> str:
    return column.lower().replace("_", "").replace(" ", "").replace("-", "")


def listed(columns: Sequence[str], *, most: int = 20) -> str:
    """List columns for a person, the first of them."""
    shown = ", ".join(repr(column) for column in columns[:most])
    return shown + (f" and {len(columns) - most} more" if len(columns) > most else "")
