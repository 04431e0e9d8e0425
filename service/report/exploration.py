"""What `explore` found, as the blocks of a page and as a few lines."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .charts import bars_chart, heatmap_chart, histogram_chart, histograms_chart
from .charts_counts import per_cent
from .charts_style import number
from .page import Block, Cell, Chart, Figures, Heading, Side, Table, Text

if TYPE_CHECKING:
    from ..exploring import Exploration
    from ..tally import Field, Spread

_SHOWN = 40  # fields on a chart
_FREE_TEXT = frozenset(("title", "description", "features", "image_urls"))
_LABEL_WORDS = 6  # words that the values of a field have at the median, at most, for it to be one of labels
_WORDY = 3


def exploration_lines(found: "Exploration") -> list[str]:
    """Say in a few lines what was found."""
    used = [field for field in found.fields if field.filled]
    gaps = sorted((field for field in used if field.filled < found.products), key=lambda field: field.filled)
    missing = ", ".join(f"{field.name} {per_cent(1 - field.filled / found.products)}" for field in gaps[:5])
    lines = [
        f"{found.products:,} products, {len(used)} fields: {', '.join(field.name for field in used)}",
        f"missing most often: {missing}" if gaps else "no field has a gap",
    ]
    lines += [f"{name}: {_spread_text(spread)}" for name, spread in _numbers(found)[:8]]
    lines += [_pair_text(pair, value) for pair, value in _strongest(found)[:1]]
    for field in _labels(found):
        commonest = ", ".join(f"{value} {count:,}" for value, count in field.common[:3])
        lines.append(f"{field.name}: {_different(field)} values, most often {commonest}")
    lines += [
        f"{each.name}: {each.linking:,} products have any; {each.links:,} links, "
        + (f"{per_cent(each.dangling)} to products that are not here" if each.dangling else "all to products here")
        for each in found.links
        if each.links
    ]
    lines += [
        f"{each.products:,} products share their {each.by} with another ({_groups(each.groups)})"
        for each in found.duplicates
        if each.groups
    ]
    return lines


def exploration_blocks(found: "Exploration") -> Iterator[Block]:
    """Write what was found as blocks, charts and all."""
    yield Figures(
        {
            "products": found.products,
            "fields in use": sum(field.filled > 0 for field in found.fields),
            "numeric fields": len(_numbers(found)),
            "share a title": sum(each.products for each in found.duplicates if each.by == "title"),
        }
    )
    if found.sampled < found.products:
        yield Text(
            f"Distributions and correlations are of {found.sampled:,} products drawn at random; all else counts all.",
            soft=True,
        )
    yield from _gaps(found)
    yield from _prices(found)
    yield from _distributions(found)
    yield from _correlations(found)
    yield from _values(found)
    yield from _links(found)
    yield from _duplicates(found)


def _gaps(found: "Exploration") -> Iterator[Block]:
    used = [field for field in found.fields if field.filled]
    idle = [field.name for field in found.fields if not field.filled]
    ordered = sorted(used, key=lambda field: -field.filled)
    whole = sum(field.filled == found.products for field in used)
    title = f"{whole} of {len(used)} fields are complete"
    if whole < len(used):
        worst = ordered[-1]
        title += f"; {worst.name} is missing from {per_cent(1 - worst.filled / found.products)} of products"
    yield Heading("What is there, and what is missing")
    if idle:
        yield Text(f"Not used by this catalogue: {', '.join(idle)}.", soft=True)
    shown = ordered[:_SHOWN]
    chart = bars_chart(
        [field.filled / found.products for field in shown], [field.name for field in shown], share=True, title=title,
        note="products that have a value" + f"; the {_SHOWN} fullest fields" * (len(ordered) > _SHOWN),
    )  # fmt: skip
    yield Chart(chart, f"Share of products with a value, by field. {title}.", "explore-missing.png")
    rows: list[Sequence[Cell]] = [
        (field.name, field.kind, field.filled, per_cent(1 - field.filled / found.products), _different(field),
         _typical(field)) for field in used
    ]  # fmt: skip
    yield Table(("field", "kind", "products", "missing", "different", "typical"), rows, "Fields in use")


def _prices(found: "Exploration") -> Iterator[Block]:
    price = found.field("price")
    if price is None or price.numbers is None:
        return
    spread = price.numbers
    title = f"Half of the prices lie between {number(spread.quantiles[1])} and {number(spread.quantiles[3])}"
    yield Heading("Prices")
    chart = histogram_chart(spread.counts, spread.edges, title=title, unit="price", note=_left_out(spread))
    yield Chart(chart, f"Histogram of prices. {title}.", "explore-prices.png")


def _distributions(found: "Exploration") -> Iterator[Block]:
    numbers = [(name, spread) for name, spread in _numbers(found) if name != "price"][:_SHOWN]
    wordy = [
        (field.name, field.words)
        for field in found.fields
        if field.words is not None
        and field.name not in ("categories", "image_urls")
        and (field.words.quantiles[2] >= _WORDY or field.name == "title")
    ]
    if not numbers and not wordy:
        return
    yield Heading("Distributions")
    if numbers:
        cut = sum(spread.left_out > 0 for _, spread in numbers)
        chart = histograms_chart(
            {name: (spread.counts, spread.edges) for name, spread in numbers}, title="How numbers spread",
            note="products by value" + "; the outermost 1 % left out where they lie far off" * bool(cut),
        )  # fmt: skip
        yield Chart(chart, f"Histograms of {', '.join(name for name, _ in numbers)}.", "explore-numbers.png")
        rows = [(name, spread.count, *spread.quantiles, spread.mean, spread.deviation) for name, spread in numbers]
        columns = ("field", "numbers", "least", "quarter", "median", "three quarters", "greatest", "mean", "deviation")
        yield Table(columns, [(row[0], row[1], *map(number, row[2:])) for row in rows], "Numeric fields")
    if wordy:
        longest = max(wordy, key=lambda pair: pair[1].quantiles[2])
        title = f"{longest[0]} has {number(longest[1].quantiles[2])} words at the median"
        histograms = {name: (spread.counts, spread.edges) for name, spread in wordy}
        chart = histograms_chart(histograms, title=title, note="products by the number of words in a text")
        yield Chart(chart, f"Histograms of text lengths. {title}.", "explore-texts.png")


def _correlations(found: "Exploration") -> Iterator[Block]:
    pairs = _strongest(found)
    if not pairs:
        return
    title = _pair_text(*pairs[0])
    names = list(found.numeric)[:_SHOWN]
    matrix = found.correlations[: len(names), : len(names)]
    yield Heading("Correlations")
    chart = heatmap_chart(matrix, names, title=title, note="Pearson's correlation; grey: a field that does not vary")
    yield Chart(chart, f"Correlations of numeric fields. {title}.", "explore-correlations.png")
    rows = [(one, other, value) for (one, other), value in pairs]
    yield Table(("field", "with", "correlation"), rows, "The strongest")


def _values(found: "Exploration") -> Iterator[Block]:
    fields = _labels(found)
    if not fields:
        return
    yield Heading("Commonest values")
    charts = []
    for place, field in enumerate(fields):
        telling = [pair for pair in field.common if pair[1] < field.filled]  # what all products have tells nothing
        value, count = (telling or field.common)[0]
        title = f"{field.name}: {per_cent(count / field.filled)} are {value}"
        chart = bars_chart(
            [size for _, size in field.common], [name for name, _ in field.common], title=title,
            note=f"products by value; {_different(field)} values in all",
        )  # fmt: skip
        charts.append(Chart(chart, f"Commonest values of {field.name}. {title}.", f"explore-values-{place + 1}.png"))
    yield Side(charts)


def _links(found: "Exploration") -> Iterator[Block]:
    rows: list[Sequence[Cell]] = [
        (each.name, each.linking, each.links, each.inside, per_cent(each.dangling), each.linked)
        for each in found.links
        if each.links
    ]
    if not rows:
        return
    yield Heading("Links in and out of the catalogue")
    columns = ("link", "products with any", "links", "to products here", "to products not here", "products linked to")
    yield Table(columns, rows, "What products link to")


def _duplicates(found: "Exploration") -> Iterator[Block]:
    yield Heading("Duplicates")
    if not any(each.groups for each in found.duplicates):
        yield Text("No two products share a title or a picture.")
    for each in found.duplicates:
        if each.groups:
            yield Text(
                f"{each.products:,} products share their {each.by} with another, in {_groups(each.groups)}"
                + ("; case and punctuation do not count." if each.by == "title" else ".")
            )
            rows = [(title, product_id, count) for title, product_id, count in each.largest]
            yield Table(("title", "one of them", "products"), rows, f"Largest groups of one {each.by}")


def _groups(count: int) -> str:
    return f"{count:,} group{'' if count == 1 else 's'}"


def _numbers(found: "Exploration") -> "list[tuple[str, Spread]]":
    return [(field.name, field.numbers) for field in found.fields if field.numbers is not None]


def _labels(found: "Exploration") -> "list[Field]":
    """Choose the fields whose values stand for something products have in common."""
    return [
        field
        for field in found.fields
        if field.kind != "number"
        and field.name not in _FREE_TEXT
        and field.different > 1
        and field.common[0][1] > 1
        and (field.kind == "list" or field.words is None or field.words.quantiles[2] <= _LABEL_WORDS)
    ][:_SHOWN]


def _strongest(found: "Exploration") -> list[tuple[tuple[str, str], float]]:
    from ..exploring import strongest

    return strongest(found)


def _pair_text(pair: tuple[str, str], value: float) -> str:
    how = "rise together" if value > 0 else "run against each other"
    weakly = "no two numeric fields are closely correlated: " if abs(value) < 0.3 else ""
    return f"{weakly}{pair[0]} and {pair[1]} {how} ({value:.2f})"


def _spread_text(spread: "Spread") -> str:
    low, quarter, median, three, high = map(number, spread.quantiles)
    return f"{low} to {high}, half between {quarter} and {three}, median {median}"


def _left_out(spread: "Spread") -> str:
    return f"{spread.left_out:,} far off left out" if spread.left_out else ""


def _typical(field: "Field") -> str:
    """Say what a value of a field looks like."""
    if field.numbers is not None:
        return f"{number(field.numbers.quantiles[1])} to {number(field.numbers.quantiles[3])}"
    if field.common and field.common[0][1] > 1:
        return f"{_cut(field.common[0][0])} ({field.common[0][1]:,})"
    return "" if field.words is None else f"{number(field.words.quantiles[2])} words"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _different(field: "Field") -> str:
    from ..tally import MOST_VALUES

    return f"over {MOST_VALUES - 1:,}" if field.different >= MOST_VALUES else f"{field.different:,}"
