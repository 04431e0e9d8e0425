"""Where products' pictures come from: addresses they list, a folder, or bytes that their catalogue held."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .download import Downloads
from .folders import Pictures
from .kept import KEPT, is_key, kept_file
from .pixels import BadPicture

Payload = Mapping[str, Any]
Found = tuple[str, Path | BadPicture]
Listed = tuple[str, tuple[str, ...]]
"""A product id and what it lists for pictures, the best first."""


class PictureSource(Protocol):
    """Finds products' pictures."""

    def pictures(self, products: Sequence[Payload]) -> Iterator[Found]:
        """Give each product's id with its picture's file, or with the reason why there is none, in any order.

        Args:
            products: Payloads as stored; one that names no picture gets no answer.
        """

    def refuse(self, file: Path, reason: BadPicture) -> None:
        """Note that a file it gave is no picture: asked again, it gives the product's next one if there is one."""

    def withdrawn(self, product: Payload, picture: Path) -> bool:
        """Say whether a product's picture came from here and is here no more, on purpose as it seems.

        Args:
            product: As stored; `pictures` gave no answer for it.
            picture: The file that it was embedded from.
        """


class FromUrls:
    """Pictures at the addresses that products list, of each product the first that is one.

    Args:
        downloads: Fetches them.
    """

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    def pictures(self, products: Sequence[Payload]) -> Iterator[Found]:
        """Give pictures as they are downloaded; an address that several products list is fetched once.

        The more products at a time the better: while one server is slow, others are asked.
        """
        waiting = list(_listed(products, kept=False))
        while waiting:
            asked: dict[str, list[Listed]] = {}
            for product_id, (url, *further) in waiting:
                asked.setdefault(url, []).append((product_id, tuple(further)))
            waiting = []
            for url, found in self._downloads.fetch(asked):
                for product_id, rest in asked[url]:
                    if isinstance(found, BadPicture) and rest:
                        waiting.append((product_id, rest))
                    else:
                        yield product_id, found

    def refuse(self, file: Path, reason: BadPicture) -> None:
        """Throw a download away: the next run fetches it again."""
        self._downloads.refuse(file, reason)

    def withdrawn(self, product: Payload, picture: Path) -> bool:
        """Say whether it was downloaded and the product now lists no picture at all."""
        return _listed_no_more(product, picture, self._downloads.folder)


class FromFolder:
    """Pictures in a folder and its sub-folders: `<product id>.jpg` and the like, or the file that a column names.

    Args:
        folder: Looked through once, at once.
        column: One of the products' own fields; empty to go by product id.

    Raises:
        NotADirectoryError: If there is no such folder.
    """

    def __init__(self, folder: Path, column: str = "") -> None:
        self._files = Pictures(folder)
        self._column = column

    def pictures(self, products: Sequence[Payload]) -> Iterator[Found]:
        """Give the files; a product that no file is called after, or whose column is empty, gets no answer."""
        for product in products:
            product_id = str(product["product_id"])
            found: Path | BadPicture | None = None
            if not self._column:
                found = self._files.called(product_id)
            elif name := str(product.get("fields", {}).get(self._column, "")):
                found = self._files.at(name)
            if found is not None:
                yield product_id, found

    def refuse(self, file: Path, reason: BadPicture) -> None:
        """Leave the user's file alone: there is one a product, and no next."""

    def withdrawn(self, product: Payload, picture: Path) -> bool:
        """Say whether it was in this folder, which still holds others."""
        return len(self._files) > 0 and picture.is_relative_to(self._files.folder)


class Kept:
    """Pictures that the catalogue held as bytes, which `keep_bytes` put into the cache when it was read.

    Args:
        folder: The picture cache.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pictures(self, products: Sequence[Payload]) -> Iterator[Found]:
        """Give the files, of each product the first that is still there."""
        for product_id, names in _listed(products, kept=True):
            files = (kept_file(self._folder, key) for name in names if is_key(key := name.removeprefix(KEPT)))
            there = next((file for file in files if file.is_file()), None)
            yield product_id, there or BadPicture("not in the picture cache")

    def refuse(self, file: Path, reason: BadPicture) -> None:
        """Throw a kept file away."""
        if file.is_relative_to(self._folder):
            file.unlink(missing_ok=True)

    def withdrawn(self, product: Payload, picture: Path) -> bool:
        """Say whether it was kept here and the product now lists no picture at all."""
        return _listed_no_more(product, picture, self._folder)


class FirstOf:
    """Several sources, asked one after another for the products that have no picture yet.

    Args:
        sources: The best first.
    """

    def __init__(self, sources: Iterable[PictureSource]) -> None:
        self._sources = tuple(sources)

    def pictures(self, products: Sequence[Payload]) -> Iterator[Found]:
        """Give the first picture of each product, or the reason of the last source that knew it."""
        wanted, refused = list(products), dict[str, BadPicture]()
        for source in self._sources:
            done = set()
            for product_id, found in source.pictures(wanted):
                if isinstance(found, BadPicture):
                    refused[product_id] = found
                else:
                    done.add(product_id)
                    refused.pop(product_id, None)
                    yield product_id, found
            wanted = [product for product in wanted if product["product_id"] not in done]
        yield from refused.items()

    def refuse(self, file: Path, reason: BadPicture) -> None:
        """Tell all of them: who did not give the file takes no notice."""
        for source in self._sources:
            source.refuse(file, reason)

    def withdrawn(self, product: Payload, picture: Path) -> bool:
        """Say whether any of them had it, and has it no more."""
        return any(source.withdrawn(product, picture) for source in self._sources)


def _listed_no_more(product: Payload, picture: Path, folder: Path) -> bool:
    return not product.get("image_urls") and picture.is_relative_to(folder)


def _listed(products: Sequence[Payload], *, kept: bool) -> Iterator[Listed]:
    """Say what products list for pictures: either kept files or addresses."""
    for product in products:
        names = tuple(name for name in product.get("image_urls", ()) if name.startswith(KEPT) == kept)
        if names:
            yield product["product_id"], names
