"""Write the sample catalogue and its truth."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TextIO

from .lines import DIRT, Dirt, Outcome, amazon_line, amazon_record
from .products import Role, SampleProduct, asin
from .world import sample_products

if TYPE_CHECKING:
    from .pictures import PicturesSummary

CATALOGUE_NAME = "catalogue.jsonl.gz"
TRUTH_NAME = "truth.csv"
PICTURES_NAME = "pictures"
PICTURES_TRUTH_NAME = "pictures.csv"
TRUTH_COLUMNS = ("product_id", "identity", "variant_group", "category", "role")

_DIRTY_SHARE = 0.02
_SHUFFLED_TOGETHER = 5_000


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was written.

    Args:
        catalogue: The Amazon 2018 file, gzipped JSON lines.
        truth: A row for each product that can be read.
        products: Products that can be read, each with one row in the truth.
        lines: Lines in the catalogue: products, unusable lines and duplicates.
        unusable: Lines that can never be a product, by the name of their dirt.
        duplicates: Second, poorer lines for products.
        readable: Lines that are dirty and still a product, by the name of their dirt.
        identities: Distinct products, offers of one counted once.
        variant_groups: Distinct product lines, variants of one counted once.
        roles: Products by role.
        pictures: What was photographed; None where no pictures were asked for.
    """

    catalogue: Path
    truth: Path
    products: int
    lines: int
    unusable: Mapping[str, int]
    duplicates: int
    readable: Mapping[str, int]
    identities: int
    variant_groups: int
    roles: Mapping[Role, int]
    pictures: "PicturesSummary | None" = None


def write_sample(
    directory: str | Path,
    *,
    products: int = 2000,
    seed: int,
    pictures: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> SampleSummary:
    """Write an invented catalogue of phones and accessories, and the truth about it.

    The same arguments always write the same bytes. Files of an earlier sample are overwritten.

    Args:
        directory: Where `catalogue.jsonl.gz` and `truth.csv` go; made if absent.
        products: How many products can be read from it; dirty lines are some 2 % of that, among them or on top.
        seed: Another seed, another catalogue.
        pictures: Whether to draw a picture of each product into `pictures`, with the truth about them in
            `pictures.csv`.
        progress: Called with the number of products written, or drawn, since it was last called.

    Returns:
        What was written, to the line.

    Raises:
        ValueError: If there are too few products for a world.
        NotADirectoryError: If `directory` is a file.
    """
    stock = sample_products(products, seed=seed)
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"cannot write a sample into {directory}, which is a file: name a directory")
    directory.mkdir(parents=True, exist_ok=True)
    rng = Random(f"{seed} lines")
    dirt = _choose_dirt(products, rng)
    tally = _Tally()
    with _gzip_text(directory / CATALOGUE_NAME) as catalogue, _plain_text(directory / TRUTH_NAME) as truth:
        noted = _noted(stock, truth, tally, (lambda done: None) if pictures else progress)
        for line in _shuffled(_lines(noted, dirt, first_spare=products), rng):
            catalogue.write(f"{line}\n")
            tally.lines += 1
    summary = _summary(directory, tally, Counter(dirt.values()))
    return replace(summary, pictures=_drawn(directory, products, seed, progress)) if pictures else summary


def _drawn(directory: Path, products: int, seed: int, progress: Callable[[int], object]) -> "PicturesSummary":
    """Draw the same products again, this time as pictures."""
    from .pictures import write_pictures

    folder, truth = directory / PICTURES_NAME, directory / PICTURES_TRUTH_NAME
    return write_pictures(sample_products(products, seed=seed), folder, truth=truth, seed=seed, progress=progress)


@dataclass(slots=True)
class _Tally:
    """What was written so far; identities and variant groups are numbered without gaps."""

    lines: int = 0
    identities: int = 0
    variant_groups: int = 0
    roles: Counter[Role] = field(default_factory=Counter)

    def add(self, product: SampleProduct) -> None:
        self.identities = max(self.identities, product.identity + 1)
        self.variant_groups = max(self.variant_groups, product.variant_group + 1)
        self.roles[product.role] += 1


def _choose_dirt(products: int, rng: Random) -> dict[int, Dirt]:
    """Choose the products (by position) whose line is dirty or has a dirty one beside it, as many of each kind."""
    each = max(1, round(products * _DIRTY_SHARE / len(DIRT)))
    return dict(zip(rng.sample(range(products), each * len(DIRT)), DIRT * each, strict=True))


def _noted(
    stock: Iterable[SampleProduct], truth: TextIO, tally: _Tally, progress: Callable[[int], object]
) -> Iterator[SampleProduct]:
    """Note each product in the truth and in the tally on its way to the catalogue."""
    rows = csv.writer(truth, lineterminator="\n")
    rows.writerow(TRUTH_COLUMNS)
    for product in stock:
        rows.writerow([getattr(product, column) for column in TRUTH_COLUMNS])
        tally.add(product)
        progress(1)
        yield product


def _lines(stock: Iterable[SampleProduct], dirt: Mapping[int, Dirt], *, first_spare: int) -> Iterator[str]:
    """Yield each product's line, and the dirty line in its place or beside it."""
    for position, product in enumerate(stock):
        record = amazon_record(product)
        here = dirt.get(position)
        if here is None or here.outcome is not Outcome.READABLE:
            yield amazon_line(record)
        if here is not None:
            yield here.line(record, asin(first_spare + position))


def _shuffled(lines: Iterable[str], rng: Random) -> Iterator[str]:
    """Mix lines with their near neighbours, so that neither offers nor families lie together in the file."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == _SHUFFLED_TOGETHER:
            last = rng.randrange(len(held))
            held[last], held[-1] = held[-1], held[last]
            yield held.pop()
    rng.shuffle(held)
    yield from held


@contextmanager
def _gzip_text(path: Path) -> Iterator[TextIO]:
    """Open a gzip file for text; name and time are left out of its header, so that equal lines give equal bytes."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as text,
    ):
        yield text


def _plain_text(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


def _summary(directory: Path, tally: _Tally, dirt: Counter[Dirt]) -> SampleSummary:
    of = {outcome: {d.name: number for d, number in dirt.items() if d.outcome is outcome} for outcome in Outcome}
    return SampleSummary(
        catalogue=directory / CATALOGUE_NAME,
        truth=directory / TRUTH_NAME,
        products=tally.roles.total(),
        lines=tally.lines,
        unusable=of[Outcome.UNUSABLE],
        duplicates=sum(of[Outcome.DUPLICATE].values()),
        readable=of[Outcome.READABLE],
        identities=tally.identities,
        variant_groups=tally.variant_groups,
        roles=dict(tally.roles),
    )
