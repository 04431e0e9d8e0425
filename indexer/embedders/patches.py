"""Local patches become visual words, pooled over a grid.

A patch is described by its gradients: their energy by direction in 4 x 4 cells (SIFT, Lowe 2004), square-rooted
(RootSIFT, Arandjelovic and Zisserman 2012) and whitened. Words are learned by k-means; a patch gives each word what it
is nearer to it than to the average word (the triangle activation of Coates, Lee and Ng 2011), and a picture sums these
over the cells of a grid, so that it is known where things are (Lazebnik, Schmid and Ponce 2006). Sums are taken over
the picture, its mirror image and the negatives of both: a shoe may point either way, and print may be light or dark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

CELLS = 16  # cells along a side of a view
DIRECTIONS = 12  # of gradients, over the full circle
_SIDE = 4  # cells along a side of a patch
_GRID = 4  # pools along a side
_WORDS = 256
_WHITENED = 64  # dimensions of a whitened patch
_FLOOR = 10.0  # gradient energy, in levels of grey, below which a patch counts as flat
_CLIPPED = 0.2  # of a patch's length, at most, in one direction of one cell: highlights must not drown the rest
_FLAT = 0.3  # length, after that, below which a patch stays shorter than others: it is nearly flat
_RIDGE = 0.01  # of the largest variance, added to all, so that whitening does not blow up noise
_PATCHES = 50_000  # to learn from
_ROUNDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Visual words and how a patch is made comparable with them.

    Args:
        mean: float32 (192,), of patches.
        whitening: float32 (192, d).
        words: float32 (k, d).
    """

    mean: FloatArray
    whitening: FloatArray
    words: FloatArray

    def encode(self, cells: FloatArray) -> FloatArray:
        """Say how much of each word there is in each part of each picture.

        Args:
            cells: float32 (n, 16, 16, 12), as `gradient_cells` gives them.

        Returns:
            float32 (n, 16 * k), at least 0; the square roots of sums, so that repeated texture does not drown the rest.
        """
        return np.asarray(np.sqrt(sum(map(self._pooled, _alike(cells)))), dtype=np.float32)

    def _pooled(self, cells: FloatArray) -> FloatArray:
        described, _ = _patches(cells)
        whitened = (described.reshape(-1, len(self.mean)) - self.mean) @ self.whitening
        distances = whitened @ (-2 * self.words.T)
        distances += np.square(whitened).sum(axis=1, keepdims=True)
        distances += np.square(self.words).sum(axis=1)
        np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
        nearer = np.subtract(distances.mean(axis=1, keepdims=True), distances, out=distances)
        np.maximum(nearer, 0, out=nearer)
        pools = _pools(described.shape[1])
        return np.asarray(pools @ nearer.reshape(len(cells), pools.shape[1], -1)).reshape(len(cells), -1)


def gradient_cells(greys: FloatArray) -> FloatArray:
    """Sum up gradients by direction in each of 16 x 16 cells; a gradient between two directions counts to both.

    Args:
        greys: float32 (n, s, s), levels of grey from 0 to 255; s a multiple of 16.

    Returns:
        float32 (n, 16, 16, 12), mean energy of a pixel.
    """
    n, side, _ = greys.shape
    down, right = np.zeros_like(greys), np.zeros_like(greys)
    down[:, 1:-1] = greys[:, 2:] - greys[:, :-2]
    right[:, :, 1:-1] = greys[:, :, 2:] - greys[:, :, :-2]
    energy = np.hypot(down, right)
    turn = np.arctan2(down, right) * (DIRECTIONS / (2 * np.pi)) + DIRECTIONS
    before = turn.astype(np.int64)
    share = turn - before
    cell = np.arange(side) // (side // CELLS)
    place = (np.arange(n)[:, None, None] * CELLS + cell[:, None]) * CELLS + cell
    shape = (n, CELLS, CELLS, DIRECTIONS)
    total = np.zeros(int(np.prod(shape)))
    for direction, weight in ((before, 1 - share), (before + 1, share)):
        index = place * DIRECTIONS + direction % DIRECTIONS
        total += np.bincount(index.ravel(), (energy * weight).ravel(), len(total))
    return np.asarray(total.reshape(shape) / (side // CELLS) ** 2, dtype=np.float32)


def learn_words(cells: FloatArray, *, seed: int) -> Codebook:
    """Learn visual words from pictures.

    Args:
        cells: float (n, 16, 16, 12), as `gradient_cells` gives them; float16 will do.
        seed: Decides which patches are learned from, and where k-means starts.
    """
    import faiss

    chosen = _sample(cells, np.random.default_rng(seed))
    mean = chosen.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(chosen - mean, rowvar=False))
    largest = slice(None, -_WHITENED - 1, -1)
    scale = np.sqrt(variances[largest] + _RIDGE * max(variances[-1], 1e-6))
    whitening = np.ascontiguousarray(directions[:, largest] / scale, np.float32)
    whitened = np.ascontiguousarray((chosen - mean) @ whitening)
    count = min(_WORDS, len(whitened))
    options = {"niter": _ROUNDS, "seed": seed % 2**31, "min_points_per_centroid": 1}
    means = faiss.Kmeans(whitening.shape[1], count, max_points_per_centroid=_PATCHES, **options)
    means.train(whitened)
    return Codebook(mean, whitening, np.asarray(means.centroids))


@lru_cache
def _pools(side: int) -> FloatArray:
    """Say which of side x side patches lie in which of 4 x 4 pools, as float32 (16, side * side) of ones and zeros."""
    pool = np.searchsorted(np.round(np.linspace(0, side, _GRID + 1))[1:], np.arange(side), side="right")
    lies = np.eye(_GRID, dtype=np.float32)[pool]
    return np.asarray(np.einsum("ya,xb->abyx", lies, lies).reshape(_GRID**2, side**2))


def _alike(cells: FloatArray) -> Iterator[FloatArray]:
    """Give the cells of pictures, of their mirror images, and of the negatives of both."""
    mirrored = cells[:, :, ::-1, (DIRECTIONS // 2 - np.arange(DIRECTIONS)) % DIRECTIONS]
    for each in (cells, mirrored):
        yield each
        yield np.roll(each, DIRECTIONS // 2, axis=-1)


def _patches(cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Describe all patches of pictures, float32 (n, 13, 13, 192), and give their energies (n, 13, 13)."""
    windows = sliding_window_view(cells, (_SIDE, _SIDE), axis=(1, 2))
    patches = np.ascontiguousarray(windows, np.float32).reshape(*windows.shape[:3], -1)
    energies = np.linalg.norm(patches, axis=-1, keepdims=True)
    patches = np.minimum(patches / (energies + _FLOOR), _CLIPPED)
    patches /= np.maximum(np.linalg.norm(patches, axis=-1, keepdims=True), _FLAT)
    return np.sqrt(patches), energies[..., 0]


def _sample(cells: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw patches that show something, as many from each picture; from pictures of nothing, what there is."""
    each = max(1, _PATCHES // len(cells))
    drawn = []
    for picture in cells:
        described, energies = _patches(np.asarray(picture[None], np.float32))
        textured = np.flatnonzero(energies.ravel() > 2 * _FLOOR)
        rows = rng.choice(textured if len(textured) else energies.size, each)
        drawn.append(described.reshape(energies.size, -1)[rows])
    return np.concatenate(drawn)
