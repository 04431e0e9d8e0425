"""Pictures that stand in a Parquet file as bytes: they go into the picture cache, and the product names the file there.

A picture is an object `{bytes, path}`, as data sets of the Hugging Face hub have it, bytes alone, or a list of either.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def holds_bytes(kind: "pa.DataType") -> bool:
    """Tell whether a column's type has bytes in it."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(holds_bytes(kind.field(position).type) for position in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return holds_bytes(kind.value_type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def without_bytes(name: str, value: Any, folder: Path | None) -> dict[str, Any]:
    """Put references in place of the bytes of a column.

    Args:
        name: The column.
        value: What it holds in one row.
        folder: The picture cache; None leaves pictures out.

    Returns:
        The column by its name, and of a picture that has one its path, as a column `<name>.path` of its own.
    """
    found = {name: _reference(value, folder)}
    if isinstance(value, Mapping) and value.get("path"):
        found[f"{name}.path"] = value["path"]
    return found


def _reference(value: Any, folder: Path | None) -> Any:
    if isinstance(value, list):
        return [_reference(item, folder) for item in value]
    if isinstance(value, bytes):
        return _text(value) or _kept(value, folder)
    if not isinstance(value, Mapping):
        return value
    if {"bytes"} <= set(value) <= {"bytes", "path"}:
        return _kept(value["bytes"], folder) if value["bytes"] else value.get("path")
    return {name: _reference(item, folder) for name, item in value.items()}


def _text(content: bytes) -> str | None:
    """Read bytes that are text, as some programs write texts; None for a picture."""
    from ..images.content import LOOKED_AT, READABLE, media_type

    if media_type(content[:LOOKED_AT]) in READABLE:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _kept(content: bytes, folder: Path | None) -> str | None:
    from ..images import KEPT, keep_bytes  # loads Pillow

    return None if folder is None else KEPT + keep_bytes(content, folder).name
