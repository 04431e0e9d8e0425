"""A table of listens, sales or visits, several lines a product: they become one product and a row of counts each."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..clean import finite_number
from ..products import NO_FIELDS, Product, Rejected
from .errors import CatalogueError
from .formats import has_column, listed, well_known
from .reading import known_columns
from .sources import Catalogues, no_column

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Own fields under which the two columns are read; no user's field can have such a name.
_OVER, _COUNT = "\0over", "\0count"


class Aggregate(NamedTuple):
    """What is counted.

    Args:
        over: Column that names what is counted, such as the artist of a listen.
        times: Column that says how often.
    """

    over: str
    times: str


@dataclass(frozen=True, slots=True, eq=False)
class Listens:
    """Lines put together.

    Args:
        products: n of them, in order of their first lines, whose fields they keep.
        values: What was counted, m of them, in order of their first lines.
        counts: float64 (n, m); lines of the same product and value are added up.
        rejected: Lines that cannot be used.
        lines: How many there were, the rejected ones among them.
    """

    products: list[Product]
    values: list[str]
    counts: "csr_array"
    rejected: list[Rejected]
    lines: int


def read_listens(
    catalogues: Catalogues, aggregate: Aggregate, *, progress: Callable[[int], None] = lambda lines: None
) -> Listens:
    """Read tables of which several lines make one product; they have room in memory.

    `--id user --aggregate artist:plays` makes a product of each user, by the artists that were played; the other way
    round it makes one of each artist, by who played it. Where no column is mapped to the product's id, it is the only
    one that is left, else one whose name says that it holds ids.

    Args:
        catalogues: Files, with their options.
        aggregate: Columns of what is counted and how often.
        progress: Called with the number of lines read, each time.

    Raises:
        CatalogueError: If a column is not there, a file cannot be read to its end, or no line can be used.
    """
    from scipy.sparse import coo_array

    products, rows, columns = list[Product](), dict[str, int](), dict[str, int]()
    rejected, lines = list[Rejected](), 0
    counts, places, kinds = array("d"), array("q"), array("q")  # 24 bytes a line: there may be tens of millions
    for record in _lines(catalogues, aggregate):
        lines += 1
        progress(1)
        found = _counted(record, aggregate) if isinstance(record, Product) else record
        if isinstance(found, Rejected):
            rejected.append(found)
            continue
        product, value, count = found
        row = rows.setdefault(product.product_id, len(rows))
        if row == len(products):
            products.append(product)
        counts.append(count)
        places.append(row)
        kinds.append(columns.setdefault(value, len(columns)))
    if not products:
        problem = f"no line says how often, the last was rejected as '{rejected[-1].reason}': correct --aggregate"
        raise CatalogueError(catalogues.paths[-1], problem)
    cells = (np.asarray(counts), (np.asarray(places), np.asarray(kinds)))
    table = coo_array(cells, shape=(len(rows), len(columns))).tocsr()
    return Listens(products, list(columns), table, rejected, lines)


def _lines(catalogues: Catalogues, aggregate: Aggregate) -> Iterator[Product | Rejected]:
    """Read the lines of all files, the two columns among their products' own fields."""
    for path in catalogues.paths:
        mapping: Mapping[str, Any] = catalogues.options.get("mapping") or {}
        columns, complete = known_columns(path, **catalogues.options)
        for name in aggregate:
            if complete and not has_column(columns, name):
                raise CatalogueError(path, no_column(name, "--aggregate", columns), line=1)
        owner = mapping.get("product_id") or _id_column([name for name in columns if name not in aggregate])
        if not owner:
            raise CatalogueError(path, f"no column holds a product id, there are {listed(columns)}: add `--id COLUMN`")
        mapping = {**mapping, "product_id": owner, _OVER: (aggregate.over,), _COUNT: (aggregate.times,)}
        yield from Catalogues((path,), {**catalogues.options, "mapping": mapping})


def _id_column(others: list[str]) -> tuple[str, ...]:
    """Guess which of the other columns names the product."""
    return tuple(others) if len(others) == 1 else well_known(others).get("product_id", ())


def _counted(line: Product, aggregate: Aggregate) -> tuple[Product, str, float] | Rejected:
    """Read what one line counts, and the product without it."""
    value, count = str(line.fields.get(_OVER, "")), finite_number(line.fields.get(_COUNT, ""))
    if not value or not count > 0:
        reason = f"no {aggregate.over}" if not value else f"{aggregate.times} is no number above 0"
        text = (
            f"product_id {line.product_id}, {aggregate.over} {value}, {aggregate.times} {line.fields.get(_COUNT, '')}"
        )
        return Rejected(line.line, reason, line.file, text)
    fields = {name: field for name, field in line.fields.items() if name not in (_OVER, _COUNT)}
    return replace(line, fields=fields or NO_FIELDS), value, count
