"""What a filter may ask: the fields and labels of one collection, each value of the field's type."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from .engine import FieldKind
from .payload import FIELDS, FILTERS, LABELS, membership_key
from .where import Condition, typed


def fitted(
    condition: Condition, own: Sequence[str], labels: Collection[str], check_label: Callable[[str], None]
) -> Condition:
    """Fit a condition to a collection: its field checked and found in the payload, its values given their type.

    Args:
        condition: As a user wrote it.
        own: Names of the user's own columns.
        labels: Names of the labels written so far.
        check_label: Raises if a label cannot be read.

    Raises:
        LookupError: If the field is a label that cannot be read.
        ValueError: If there is no such field, or a value does not fit it.
    """
    name = condition.field
    kind: FieldKind | None = FILTERS.get(name)
    if kind is None and name in own:
        condition = replace(condition, field=f"{FIELDS}.{name}")
    elif kind is None and (name in LABELS or name in labels):
        check_label(name)
        kind = "integer"
    elif kind is None and name in map(membership_key, labels):
        kind = "float"
    elif kind is None:
        known = ", ".join((*FILTERS, *labels, *own))
        raise ValueError(f"there is no field '{name}' to filter on: known are {known}")
    return typed(condition, kind)
