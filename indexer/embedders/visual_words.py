"""Visual words: a picture embedder without weights, learned from the catalogue's own pictures.

A picture is looked at twice: the box around the thing in it, stretched to a square, and all of it, smaller. Each look
becomes visual words (`patches`), then few dimensions by PCA, partly whitened (Jegou and Chum 2012). To both together
is added what its nearest neighbours among the pictures learned from have in common (database augmentation, Turcot and
Lowe 2009). Colours (`colours`) are the last part of the vector.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .looks import Looks, look_at
from .patches import Codebook, learn_words

FloatArray = NDArray[np.float32]

_BATCH = 16  # pictures looked at together: more would leave the processor's caches
_NEIGHBOURS = 20  # that are added to a picture,
_OF_THOSE = 20  # but no more than one in so many of those learned from
_SHARPNESS = 3  # power of the cosine by which nearer neighbours count more
_ADDED = 2.0  # what neighbours count together, where the picture itself counts 1
_NOTHING = 1e-6  # of the largest variance: components with less tell no pictures apart
_FILES = ("visual_words.npz", "visual_words.json")
_VERSION = 1


class _Part(NamedTuple):
    """A part of the vector: what it counts, its dimensions at most, and how far they are whitened (1 is fully)."""

    weight: float
    dim: int
    whitening: float


_PARTS = {"thing": _Part(1.0, 256, 0.5), "whole": _Part(0.7, 128, 0.5), "colours": _Part(0.73, 64, 0.25)}
_SHAPE = ("thing", "whole")  # the parts that know no colour


@dataclass(frozen=True, slots=True, eq=False)
class _Components:
    """Principal components of a part: float32 (d,), and (d, at most its dimensions)."""

    centre: FloatArray
    axes: FloatArray

    def project(self, features: FloatArray) -> FloatArray:
        return _unit((features - self.centre) @ self.axes)


class VisualWords:
    """Embeds pictures with what `fit_visual_words` learned.

    Args:
        learned: Arrays by name, all float16.
    """

    def __init__(self, learned: Mapping[str, NDArray[np.float16]]) -> None:
        self._learned = dict(sorted(learned.items()))
        digest = hashlib.blake2b(digest_size=4)
        for key, array in self._learned.items():
            digest.update(f"{key} {array.shape}".encode() + array.tobytes())
        self.name = f"visual-words-{digest.hexdigest()}"
        wide = {key: array.astype(np.float32) for key, array in self._learned.items()}
        self._books = {part: Codebook(*(wide[f"{part}.{name}"] for name in Codebook.__slots__)) for part in _SHAPE}
        self._components = {
            part: _Components(*(wide[f"{part}.{name}"] for name in _Components.__slots__)) for part in _PARTS
        }
        self._known = wide["shapes"]

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return sum(components.axes.shape[1] for components in self._components.values())

    def embed(self, pictures: Sequence[Image.Image]) -> FloatArray:
        """Embed pictures of mode RGB as float32 (b, dim), rows of length 1; a row does not depend on the others."""
        embedded = [self._embed(look_at(batch)) for batch in _batches(pictures)]
        return np.concatenate([np.empty((0, self.dim), np.float32), *embedded])

    def save(self, folder: Path) -> None:
        """Write visual_words.npz and visual_words.json into a folder, made where there is none."""
        arrays, facts = (folder / name for name in _FILES)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(arrays, allow_pickle=False, **self._learned)
        known = {"version": _VERSION, "name": self.name, "dim": self.dim, "pictures": len(self._known)}
        facts.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "VisualWords":
        """Read what `save` wrote.

        Raises:
            LookupError: If there is nothing of the kind.
            ValueError: If it is damaged, or of another version.
        """
        arrays, facts = (folder / name for name in _FILES)
        if not (arrays.is_file() and facts.is_file()):
            raise LookupError(f"'{folder}' holds no visual words: learn them again from the catalogue's pictures")
        try:
            known = json.loads(facts.read_text(encoding="utf-8"))
            with arrays.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                words = cls({name: saved[name] for name in saved.files})
            if (known["version"], known["name"]) != (_VERSION, words.name):
                raise ValueError(f"version {known['version']}, name {known['name']}")
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"the visual words in '{folder}' are damaged or of another version: learn them again"
            ) from error
        return words

    def _embed(self, looks: Looks) -> FloatArray:
        words = {part: book.encode(getattr(looks, part)) for part, book in self._books.items()}
        shapes = _joined({part: self._components[part].project(rows) for part, rows in words.items()})
        colours = self._components["colours"].project(looks.colours)
        vectors = _unit(np.hstack([self._with_neighbours(shapes), _PARTS["colours"].weight * colours]))
        vectors[~vectors.any(axis=1)] = self.dim**-0.5  # of what was learned there is nothing: no direction at all
        return vectors

    def _with_neighbours(self, shapes: FloatArray) -> FloatArray:
        """Add to each row the weighted mean of its nearest among the pictures learned from."""
        count = min(_NEIGHBOURS, len(self._known) // _OF_THOSE)
        if count == 0:
            return shapes
        cosines = shapes @ self._known.T
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        weights = np.maximum(np.take_along_axis(cosines, nearest, axis=1), _NOTHING) ** _SHARPNESS
        weights /= weights.sum(axis=1, keepdims=True)
        return _unit(shapes + _ADDED * np.einsum("nk,nkd->nd", weights, self._known[nearest]))


def fit_visual_words(pictures: Iterable[Image.Image], *, seed: int) -> VisualWords:
    """Learn visual words from pictures, without any label.

    Pictures are taken one after the other and let go; some 25 kB is kept of each. A few thousand are enough.

    Args:
        pictures: Of mode RGB, any size; some of the catalogue.
        seed: Of samples, k-means and PCA.

    Raises:
        ValueError: If there are fewer than two pictures, or all look the same.
    """
    looks = _kept(pictures)
    books = {part: learn_words(getattr(looks, part), seed=seed) for part in _SHAPE}
    words = {part: _encoded(getattr(looks, part), book) for part, book in books.items()}
    components = {part: _principal(rows, part, seed) for part, rows in words.items()}
    shapes = _joined({part: components[part].project(rows) for part, rows in words.items()})
    components["colours"] = _principal(looks.colours.astype(np.float32), "colours", seed)
    learned = {"shapes": shapes}
    learned |= {f"{part}.{name}": getattr(book, name) for part, book in books.items() for name in Codebook.__slots__}
    learned |= {
        f"{part}.{name}": getattr(of, name) for part, of in components.items() for name in _Components.__slots__
    }
    # Rounded here and not in `save`, so that what was saved embeds exactly as what was learned.
    return VisualWords({key: array.astype(np.float16) for key, array in learned.items()})


def _kept(pictures: Iterable[Image.Image]) -> Looks:
    """Look at pictures batch by batch, and keep what was seen as float16."""
    seen = [[part.astype(np.float16) for part in look_at(batch)] for batch in _batches(pictures)]
    count = sum(len(colours) for *_, colours in seen)
    looks = Looks(*map(np.concatenate, zip(*seen, strict=True))) if seen else None
    if looks is None or all((part == part[:1]).all() for part in looks):
        raise ValueError(
            f"visual words are learned from pictures that differ, got {count} that do not: index more pictures, "
            "or use a model with weights (--image-model openai/clip-vit-base-patch32)"
        )
    return looks


def _encoded(cells: NDArray[Any], book: Codebook) -> FloatArray:
    batches = (cells[start : start + _BATCH] for start in range(0, len(cells), _BATCH))
    return np.concatenate([book.encode(batch.astype(np.float32)) for batch in batches])


def _principal(features: FloatArray, part: str, seed: int) -> _Components:
    """Find along what pictures differ most, and scale it by the power of its variance that whitens in part."""
    from sklearn.utils.extmath import randomized_svd

    _, dim, whitening = _PARTS[part]
    centre = features.mean(axis=0)
    _, sizes, axes = randomized_svd(features - centre, min(dim, *features.shape), random_state=seed % 2**31)
    variances = sizes**2 / len(features)
    used = variances > _NOTHING * max(variances[0], 1e-3)
    scaled = axes[used].T / variances[used] ** (whitening / 2)
    return _Components(centre, scaled / np.abs(scaled).max(initial=_NOTHING))


def _joined(parts: Mapping[str, FloatArray]) -> FloatArray:
    """Put parts of vectors side by side by their weights, rows scaled to length 1."""
    return _unit(np.hstack([_PARTS[part].weight * rows for part, rows in parts.items()]))


def _unit(rows: NDArray[Any]) -> FloatArray:
    """Scale rows to length 1, but leave a row of zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _batches(pictures: Iterable[Image.Image]) -> Iterator[list[Image.Image]]:
    """Take pictures batch by batch."""
    waiting = iter(pictures)
    while batch := list(islice(waiting, _BATCH)):
        yield batch
