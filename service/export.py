"""All products with what is known of them, as one table in a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.store import FIELDS, LABELS, PICTURE, ProductStore, membership_key

from .lookup import MAIN_LABELS
from .names import names_of

if TYPE_CHECKING:
    import pandas as pd

_CLUSTERS = frozenset(f"{label}_cluster" for label in MAIN_LABELS)
_EXPORTED = ("title", "brand", "categories", "price", "image_urls", PICTURE, FIELDS)
_WRITERS: Mapping[str, Callable[["pd.DataFrame", Path], None]] = {
    ".csv": lambda table, file: table.to_csv(file, index=False),
    ".parquet": lambda table, file: table.to_parquet(file, index=False),
    ".jsonl": lambda table, file: table.to_json(file, orient="records", lines=True, force_ascii=False),
}


def export(store: ProductStore, file: Path) -> int:
    """Write every product, its clusters, its picture's file and its own fields to a file, one row a product.

    The clusters of the main labels stand under LABEL_cluster, those of other labels under the label's name; their names
    under LABEL_name and the memberships under LABEL_p, where there are any. A label's column or an own field that is
    called like another column has "labels." or "fields." before its name.

    Args:
        store: What to write.
        file: Ends in `.csv`, `.parquet` or `.jsonl`; replaced when it exists.

    Returns:
        The number of products written.

    Raises:
        ValueError: If the ending is another one.
        LookupError: If there are no products, or a label is half written.
    """
    ending = file.suffix.lower()
    if ending not in _WRITERS:
        raise ValueError(f"'{file}' must end in {', '.join(_WRITERS)}, got '{file.suffix}'")
    if not file.absolute().parent.is_dir():
        raise ValueError(f"there is no folder '{file.parent}' to write '{file.name}' into: make it first")
    for label in store.unfinished_labels():
        store.check_label(label)
    labels = [label for label in store.readable_labels() if label in MAIN_LABELS or label not in LABELS]
    taken = store.take((*_EXPORTED, *labels, *map(membership_key, labels)))
    columns: dict[str, Any] = {**dict.fromkeys(MAIN_LABELS, [None] * len(taken.ids)), **taken.columns}
    table = _described(taken.ids, columns)
    found = [
        pair
        for label in dict.fromkeys((*MAIN_LABELS, *labels))
        for pair in _of_label(store, label, columns[label], columns.get(membership_key(label)))
    ]
    for name, column in sorted(found, key=lambda pair: pair[0] not in _CLUSTERS):
        table[f"labels.{name}" if name in table else name] = column
    if "image" in store.dims():
        table[PICTURE] = [picture or "" for picture in columns[PICTURE]]
    for name in store.records.settings().field_names:
        column = f"{FIELDS}.{name}" if name in table or name in columns else name
        table[column] = _own([(own or {}).get(name) for own in columns[FIELDS]])
    _WRITERS[ending](table, file)
    return len(table)


def _described(ids: Sequence[str], columns: Mapping[str, Any]) -> "pd.DataFrame":
    """Give the columns that the catalogue itself has filled."""
    import pandas as pd

    return pd.DataFrame(
        {
            "product_id": ids,
            "title": [title or "" for title in columns["title"]],
            "brand": [brand or "" for brand in columns["brand"]],
            "categories": [" | ".join(categories or ()) for categories in columns["categories"]],
            "price": pd.array(columns["price"], dtype="Float64"),
            "image_url": [urls[0] if urls else "" for urls in columns["image_urls"]],
        }
    )


def _of_label(
    store: ProductStore, label: str, numbers: Sequence[int | None], sure: Sequence[float | None] | None
) -> Iterator[tuple[str, Any]]:
    """Give the columns of a label: its clusters, their names and the memberships, where there are any."""
    import pandas as pd

    yield f"{label}_cluster" if label in MAIN_LABELS else label, pd.array(numbers, dtype="Int64")
    if names := names_of(store, label, {number for number in numbers if number is not None}):
        yield f"{label}_name", ["" if number is None else names.get(number, "") for number in numbers]
    if sure is not None and any(share is not None for share in sure):
        yield membership_key(label), pd.array(sure, dtype="Float64")


def _own(values: list[str | float | None]) -> Any:
    """Make a column of one kind: numbers where all are, else words."""
    import pandas as pd

    if any(isinstance(value, str) for value in values):
        return ["" if value is None else str(value) for value in values]
    return pd.array(values, dtype="Float64")
