"""Filters in the words of the catalogue: `brand=Apple,Sony`, `price<20`, `identity!=12`."""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = str | int | float

_EXPRESSION = re.compile(r"\s*([^=!<>\s][^=!<>]*?)\s*(!=|<=|>=|=|<|>)(.*)", re.DOTALL)
_COMMA = re.compile(r"(?<!\\),")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a payload field; several conditions hold together (AND).

    Args:
        field: Payload key, dots leading into nested objects.
        operator: Comparison; `=` and `!=` take any number of values (OR), the others exactly one number.
        values: What the field is compared with.

    Raises:
        ValueError: If there is no value, or an ordering does not have exactly one number.
    """

    field: str
    operator: Operator
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"the filter on '{self.field}' has no value: write {self.field}{self.operator}VALUE")
        ordering = self.operator not in ("=", "!=")
        if ordering and (len(self.values) != 1 or isinstance(self.values[0], str)):
            shown = ",".join(str(value) for value in self.values)
            raise ValueError(
                f"'{self.field}{self.operator}{shown}' needs one number on the right: {self.field}{self.operator}20"
            )


def parse_condition(expression: str) -> Condition:
    r"""Read one filter expression.

    Args:
        expression: `FIELD=VALUE[,VALUE...]` with `=`, `!=`, `<`, `<=`, `>` or `>=`; write `\,` for a comma in a value.

    Raises:
        ValueError: If it is not of that form, or an ordering is asked of something that is no number.
    """
    match = _EXPRESSION.fullmatch(expression)
    if match is None:
        raise ValueError(f"'{expression}' is not a filter: write FIELD=VALUE, with =, !=, <, <=, > or >=")
    field, operator, right = match.groups()
    texts = [value.replace("\\,", ",").strip() for value in _COMMA.split(right)]
    values: tuple[Value, ...] = tuple(text for text in texts if text)
    if operator not in ("=", "!="):
        values = tuple(_number(value) for value in values)
    return Condition(field.strip(), operator, values)  # type: ignore[arg-type]  # the pattern admits no other operator


def typed(condition: Condition, kind: Literal["keyword", "integer", "float"] | None) -> Condition:
    """Give a condition's values the type its field has in the store; None is a user's column, text or numbers.

    Raises:
        ValueError: If a number is needed and a value is none, or an ordering is asked of a text field.
    """
    ordering = condition.operator not in ("=", "!=")
    if kind == "keyword":
        if ordering:
            raise ValueError(f"'{condition.field}' holds text, which {condition.operator} cannot order: use = or !=")
        return replace(condition, values=tuple(str(value) for value in condition.values))
    numbers = tuple(_number(value) for value in condition.values)
    if kind is None and not ordering:
        either = [float(value) for value in numbers if not isinstance(value, str)]
        return replace(condition, values=(*(str(value) for value in condition.values), *either))
    for number in numbers:
        if isinstance(number, str):
            raise ValueError(f"'{condition.field}' holds numbers, got '{number}'")
    if kind == "integer" and not ordering:
        for number in numbers:
            if not isinstance(number, int):
                raise ValueError(f"'{condition.field}' holds whole numbers, got {number}")
        return replace(condition, values=tuple(int(number) for number in numbers))
    return replace(condition, values=tuple(float(number) for number in numbers))


def _number(value: Value) -> Value:
    """Read a number where there is one, else return the value unchanged."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return value
    return int(number) if number.is_integer() and abs(number) < 2**63 else number
