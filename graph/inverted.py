"""Nearest rows through an inverted file: only cells nearby are looked into, but there every row is compared exactly."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .exact import exact_search

CELL = 180
"""Rows a cell holds on average: few enough to pass over what is far, enough for a product of matrices to be fast."""

TRAINED_ON = 32
"""Rows a cell whose centre is placed by them."""

REACH = 200
"""Cells around a row's own that are ranked for it."""

MOST = 96
"""Cells looked into for a row, at most."""

SAMPLE = 500
"""Rows searched exactly to learn how many cells the recall asked for takes."""

BLOCK = 65_536
"""Rows a thread searches at once, at most: bounds memory."""

PAIRS = 1 << 22
"""Pairs a thread compares at once: bounds memory where one cell holds a multitude."""

Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class InvertedFile:
    """Rows filed by cell, to be made by `filed`.

    Args:
        base: float32 (n, dim), the rows filed.
        coarse: float32 (s, dim), centres of groups of cells.
        groups: int64 (s + 1,), the first cell of each group.
        centres: float32 (c, dim), centres of cells.
        reach: int64 (c, r), the cells nearest to each cell.
        members: int64 (n,), rows in order of their cells.
        starts: int64 (c + 1,), the first member of each cell.
    """

    base: NDArray[np.float32]
    coarse: NDArray[np.float32]
    groups: NDArray[np.int64]
    centres: NDArray[np.float32]
    reach: NDArray[np.int64]
    members: NDArray[np.int64]
    starts: NDArray[np.int64]

    def search(
        self, queries: NDArray[np.float32], k: int, *, recall: float
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k most similar filed rows of each query.

        Args:
            queries: float32 (q, dim), rows of length 1.
            k: Answers a query, between 1 and n.
            recall: Share of the true nearest to be found, between 0 and 1; as many cells are looked into as that takes
                on a sample of the queries, `MOST` at most.

        Returns:
            Cosines float32 (q, k), largest first, and rows int64 (q, k); -inf and -1 where fewer were found.
        """
        from joblib import cpu_count
        from threadpoolctl import threadpool_limits

        near = self._ranked(queries, _homes(queries, self.coarse, self.groups, self.centres))
        near = np.ascontiguousarray(near[:, : self._probes(queries, near, k, recall)])
        similarities = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)

        size = min(BLOCK, -(-len(queries) // cpu_count()))

        def search_block(start: int) -> None:
            block = slice(start, start + size)
            row, member, similarity = self._compared(queries[block], near[block], k)
            place = np.arange(len(row)) - np.searchsorted(row, row)
            similarities[block][row, place], rows[block][row, place] = similarity, member

        # Blocks run side by side, each on one core: numpy releases the interpreter while it computes.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cpu_count()) as threads:
            list(threads.map(search_block, range(0, len(queries), size)))
        return similarities, rows

    def _ranked(self, queries: NDArray[np.float32], homes: NDArray[np.int64]) -> NDArray[np.int32]:
        """Rank the cells within reach of each query's own, nearest first: int32 (q, r), `MOST` of them at most."""
        most = min(MOST, self.reach.shape[1])
        near = np.empty((len(queries), most), dtype=np.int32)
        for home, rows in _grouped(homes, len(self.centres)):
            reach = self.reach[home]
            distance = -(queries[rows] @ self.centres[reach].T)
            nearest = np.argpartition(distance, most - 1, axis=1)[:, :most]
            order = np.argsort(np.take_along_axis(distance, nearest, axis=1), axis=1)
            near[rows] = reach[np.take_along_axis(nearest, order, axis=1)]
        return near

    def _probes(self, queries: NDArray[np.float32], near: NDArray[np.int32], k: int, recall: float) -> int:
        """Count the cells that hold the share of true nearest asked for, a standard error to spare."""
        sample = np.unique(np.linspace(0, len(queries) - 1, SAMPLE).astype(np.int64))
        _, nearest = exact_search(queries[sample], self.base, k)
        home = np.empty(len(self.base), dtype=np.int32)
        home[self.members] = np.repeat(np.arange(len(self.centres), dtype=np.int32), np.diff(self.starts))
        inside = (near[sample][:, :, None] == home[nearest][:, None, :]).sum(axis=2)
        found = inside.cumsum(axis=1) / k
        enough = found.mean(axis=0) - found.std(axis=0) / len(sample) ** 0.5 >= recall
        return int(np.argmax(enough)) + 1 if enough.any() else near.shape[1]

    def _compared(self, queries: NDArray[np.float32], near: NDArray[np.int32], k: int) -> Found:
        """Compare queries with the members of their cells: the first cell sets the bar the others must clear."""
        first = _best(*self._beyond(queries, near[:, :1], None, k), k)
        bar = np.full(len(queries), -np.inf, dtype=np.float32)
        full = np.flatnonzero(np.bincount(first[0], minlength=len(queries)) == k)
        bar[full] = first[2][np.searchsorted(first[0], full, side="right") - 1]
        others = self._beyond(queries, near[:, 1:], bar, k)
        return _best(*_joined([first, others]), k)

    def _beyond(
        self, queries: NDArray[np.float32], near: NDArray[np.int32], bar: NDArray[np.float32] | None, k: int
    ) -> Found:
        """Give the pairs of query and member more similar than the query's bar, or each cell's k best without one."""
        pairs: list[Found] = []
        for cell, places in _grouped(near.ravel(), len(self.centres)):
            members = self.members[self.starts[cell] : self.starts[cell + 1]]
            at_once = max(1, PAIRS // max(1, len(members)))
            for start in range(0, len(places), at_once):
                rows = places[start : start + at_once] // near.shape[1]
                similarity = queries[rows] @ self.base[members].T
                if bar is None and len(members) > k:
                    row = np.repeat(np.arange(len(rows)), k)
                    column = np.argpartition(similarity, -k, axis=1)[:, -k:].ravel()
                else:
                    row, column = np.nonzero(similarity > (-np.inf if bar is None else bar[rows, None]))
                pairs.append((rows[row], members[column], similarity[row, column]))
        return _joined(pairs)


def filed(base: NDArray[np.float32], *, seed: int) -> InvertedFile:
    """File rows by cell.

    Centres are placed by k-means in two levels, about the root of their number first: Sivic and Zisserman, "Video
    Google", ICCV 2003, brought the inverted file to vectors; the two levels follow Nister and Stewenius, "Scalable
    recognition with a vocabulary tree", CVPR 2006.

    Args:
        base: float32 (n, dim), rows of length 1.
        seed: Seed of the sample and of k-means.
    """
    n = len(base)
    cells = max(1, n // CELL)
    sample = np.sort(np.random.default_rng(seed).choice(n, min(n, cells * TRAINED_ON), replace=False))
    trained = base[sample]
    coarse = _centres(trained, max(1, round(cells**0.5)), seed)
    # A centre to which no row is nearest would make a group without cells.
    coarse = coarse[np.unique(exact_search(trained, coarse, 1)[1])]
    _, group = exact_search(trained, coarse, 1)
    fine = [
        _centres(trained[rows], max(1, round(cells * len(rows) / len(sample))), seed)
        for _, rows in _grouped(group[:, 0], len(coarse))
    ]
    centres = np.concatenate(fine)
    groups = np.cumsum([0, *(len(each) for each in fine)])
    homes = _homes(base, coarse, groups, centres)
    _, reach = exact_search(centres, centres, min(REACH, len(centres)))
    starts = np.concatenate([[0], np.cumsum(np.bincount(homes, minlength=len(centres)))])
    return InvertedFile(base, coarse, groups, centres, reach, np.argsort(homes, kind="stable"), starts)


def _centres(rows: NDArray[np.float32], k: int, seed: int) -> NDArray[np.float32]:
    """Place k centres by a few turns of spherical k-means."""
    import faiss

    if len(rows) <= k:
        return rows
    means: Any = faiss.Kmeans(rows.shape[1], k, niter=8, spherical=True, seed=seed, min_points_per_centroid=1)
    means.train(rows)
    centres: NDArray[np.float32] = means.centroids
    return centres


def _homes(
    rows: NDArray[np.float32], coarse: NDArray[np.float32], groups: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Find each row's cell: the nearest of the nearest group."""
    homes = np.empty(len(rows), dtype=np.int64)
    group = exact_search(rows, coarse, 1)[1][:, 0]
    for number, members in _grouped(group, len(coarse)):
        cells = centres[groups[number] : groups[number + 1]]
        homes[members] = groups[number] + exact_search(rows[members], cells, 1)[1][:, 0]
    return homes


def _grouped(labels: NDArray[np.integer], number: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each label below `number` that stands somewhere, and the places where it does."""
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=number))
    for label, (start, end) in enumerate(zip(np.concatenate([[0], ends[:-1]]), ends, strict=True)):
        if end > start:
            yield label, order[start:end]


def _joined(parts: list[Found]) -> Found:
    """Put pairs found apart into one list."""
    rows, members, similarities = ([part[column] for part in parts] for column in range(3))
    return (
        np.concatenate([np.empty(0, np.int64), *rows]),
        np.concatenate([np.empty(0, np.int64), *members]),
        np.concatenate([np.empty(0, np.float32), *similarities]),
    )


def _best(row: NDArray[np.int64], member: NDArray[np.int64], similarity: NDArray[np.float32], k: int) -> Found:
    """Keep the k most similar of each row, in order: rows ascending, most similar first."""
    # One sort of one number: the row above, the distance in steps of 2**-30 below. Two sorts would take longer than
    # all products.
    order = np.argsort((row << 32) | ((2 - similarity.astype(np.float64)) * 2**30).astype(np.int64))
    row = row[order]
    chosen = np.arange(len(row)) - np.searchsorted(row, row) < k
    return row[chosen], member[order][chosen], similarity[order][chosen]
