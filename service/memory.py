"""How much memory each step of a run needs, and what a run under a limit does without."""

import ctypes
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .progress import Bar, Done

FLOAT32 = 4  # bytes


@dataclass(frozen=True, slots=True)
class Size:
    """How large a catalogue is.

    Args:
        products: How many.
        dim: Dimensions of a text vector.
        links: Links a product.
        neighbours: Nearest neighbours a product.
        image_dim: Dimensions of an image vector; 0 where there are none.
    """

    products: int
    dim: int
    links: float
    neighbours: int
    image_dim: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that cannot be given back while something is held, apart from files mapped into memory.

    Args:
        fixed: However many products there are.
        product: For each product.
        dimension: For each number of each text vector.
        image: For each number of each image vector.
        link: For each link.
        neighbour: For each nearest neighbour of each product.
    """

    fixed: float = 0
    product: float = 0
    dimension: float = 0
    link: float = 0
    neighbour: float = 0
    image: float = 0

    def bytes(self, size: Size) -> float:
        """Say how many bytes that is."""
        each = self.dimension * size.dim + self.link * size.links + self.neighbour * size.neighbours
        return self.fixed + size.products * (self.product + each + self.image * size.image_dim)


VECTORS = Need(dimension=FLOAT32, image=FLOAT32)
MODEL_BYTES = 450e6
"""What a small model takes, of which one knows no more before it is loaded."""

INDEXING = Need(fixed=100e6, product=1400)
HELD = Need(fixed=200e6, product=1240, link=16)
"""What `cluster` holds from beginning to end, the vectors apart: ids, titles, links, the open store."""

# Measured at 590,000 products of 384 dimensions and 13 links, with the vectors mapped: the most private memory
# (RssAnon) in each step, less what is held all along. Later steps hold what earlier ones found. The step by picture was
# measured at 35,311 products with image vectors of 512; it copies them, for some products may have none.
CLUSTERING: Mapping[str, Need] = {
    "reading the store": Need(product=100),
    "k-means": Need(dimension=2.5),
    "comparing pairs": Need(product=1430, dimension=FLOAT32),
    "nearest neighbours": Need(product=760, neighbour=60),
    "nearest neighbours by picture": Need(product=760, neighbour=220, image=FLOAT32),
    "similarity clusters": Need(product=400, link=40, neighbour=80),
    "nearest linked products": Need(product=1110, neighbour=100),
    "complementary clusters": Need(product=420, link=80, neighbour=100),
    "writing labels": Need(product=1240, link=80, neighbour=60),
    "ranking complements": Need(product=1240, link=80, neighbour=60),
    "reading for the names": Need(product=1500),
    "naming identity": Need(product=1500),
    "naming similarity": Need(product=1500),
    "naming complementary": Need(product=1500),
    "building the vector index": Need(product=2300),
}

STEPS_OF: Mapping[str, tuple[str, ...]] = {
    "identity": ("k-means", "comparing pairs", "naming identity"),
    "similarity": ("nearest neighbours", "nearest neighbours by picture", "similarity clusters", "naming similarity"),
    "complementary": (
        "nearest neighbours",
        "nearest linked products",
        "complementary clusters",
        "ranking complements",
        "naming complementary",
    ),
}
_ALWAYS = ("reading the store", "writing labels", "reading for the names", "building the vector index")


def clustering_bytes(size: Size, kinds: Collection[str], *, mapped: bool = False) -> float:
    """Predict the most memory that clusters of these kinds need at once.

    Args:
        size: Of the catalogue.
        kinds: Some of identity, similarity and complementary.
        mapped: Whether the vectors lie in a file.
    """
    steps = {*_ALWAYS, *(step for kind in kinds for step in STEPS_OF[kind])}
    if not size.image_dim:
        steps.discard("nearest neighbours by picture")
    held = HELD.bytes(size) + (0 if mapped else VECTORS.bytes(size))
    return held + max(CLUSTERING[step].bytes(size) for step in steps)


def must_map(size: Size, kinds: Collection[str], limit: int | None) -> bool:
    """Decide whether the vectors have to lie in a file for a clustering to stay below a limit.

    Args:
        size: Of the catalogue.
        kinds: Some of identity, similarity and complementary.
        limit: Bytes; None for no limit.

    Raises:
        ValueError: If even that needs more.
    """
    if limit is None or clustering_bytes(size, kinds) <= limit:
        return False
    least = clustering_bytes(size, kinds, mapped=True)
    if least > limit:
        apart = {kind: clustering_bytes(size, [kind], mapped=True) for kind in kinds}
        thrifty = min(apart, key=apart.__getitem__)
        way = (
            f"give more, or run one kind at a time: `assort cluster {thrifty}` needs {in_words(apart[thrifty])}"
            if apart[thrifty] <= limit
            else "give more"
        )
        raise ValueError(
            f"max memory must be at least {in_words(least)} for {size.products:,} products, "
            f"got {in_words(limit)}: {way}"
        )
    return True


def check_indexing(products: int, model: float, limit: int | None) -> None:
    """Refuse a limit that indexing cannot keep: it reads, embeds and writes a batch at a time already.

    Args:
        products: How many there are and will be.
        model: Bytes the model takes.
        limit: Bytes; None for no limit.

    Raises:
        ValueError: If it needs more.
    """
    least = INDEXING.bytes(Size(products, 0, 0, 0)) + model
    if limit is not None and least > limit:
        raise ValueError(
            f"max memory must be at least {in_words(least)} to index about {products:,} products, "
            f"got {in_words(limit)}: give more; a smaller model needs less"
        )


def in_words(number: float) -> str:
    """Write bytes as a person does, rounded up so that what is named suffices."""
    unit, name = (1e9, "GB") if number >= 1e9 else (1e6, "MB")
    return f"{-(-number // (unit / 100)) / 100:g} {name}" if name == "GB" else f"{-(-number // unit):g} {name}"


def giving_back(bar: Bar) -> Bar:
    """Wrap a bar so that memory freed before a step goes back to the system; glibc would keep it for later."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    trim = getattr(library, "malloc_trim", lambda pad: 0)

    @contextmanager
    def wrapped(step: str, total: int | None) -> Iterator[Done]:
        trim(0)
        with bar(step, total) as done:
            yield done

    return wrapped


def private_bytes() -> int:
    """Say how much memory this process has that the system cannot take back; 0 where that cannot be known."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
