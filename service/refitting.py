"""A label made again as its run made it: under another seed, from some of the products, or only its graph."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.edges import Edges
from graph.shoppers import Links
from indexer.store import ProductStore, Run

from .catalogue import Catalogue, take_catalogue
from .kinds import KINDS, ClusterOptions, Kinds
from .progress import no_bar
from .vectors import take_vectors

Rows = NDArray[np.int64]

BUILT_IN = "built in"
"""Method of the labels of `cluster all`."""

KIND_OF: Mapping[str, str] = {"identity_cell": "identity", **{kind: kind for kind in KINDS}}
"""Label of `cluster all` -> the kind of cluster whose run writes it."""

WITH_GRAPH = ("similarity", "complementary")


@dataclass(frozen=True, slots=True)
class Origin:
    """How a label came about.

    Args:
        label: Its name.
        method: Of clustering; `built in` for the labels of `cluster all`, empty where no record tells.
        on: Kind of vector.
        run: Its run's record; None where there is none.
    """

    label: str
    method: str
    on: str
    run: Run | None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the run was asked for."""
        return self.run.parameters if self.run is not None else {}

    @property
    def weights(self) -> Mapping[str, float] | None:
        """The share of each kind of vector, where they are fused; None for those of the store."""
        return self.parameters.get("weights") if self.on == "fused" else None

    @property
    def built_in(self) -> bool:
        """Whether it is a label of `cluster all`."""
        return self.method == BUILT_IN

    @property
    def has_graph(self) -> bool:
        """Whether the clusters were cut from a graph."""
        return self.method == "leiden" or (self.built_in and self.label in WITH_GRAPH)

    @property
    def can_be_made_again(self) -> bool:
        """Whether its record says enough, and its method makes one label at a time; `predict` makes none."""
        from .methods import METHODS

        return self.run is not None and self.run.kind == "cluster" and (self.built_in or self.method in METHODS)


def origin_of(label: str, written_by: str, runs: Mapping[str, Run]) -> Origin:
    """Say how a label came about.

    Args:
        label: Its name.
        written_by: Id of the run that wrote it whole.
        runs: Run id -> its record.
    """
    run = runs.get(written_by)
    parameters = run.parameters if run is not None else {}
    if label in KIND_OF and "method" not in parameters:
        return Origin(label, BUILT_IN, "text", run)
    return Origin(label, parameters.get("method", ""), parameters.get("on", "text"), run)


def origins(store: ProductStore, labels: tuple[str, ...]) -> dict[str, Origin]:
    """Say how labels came about, all of them written whole."""
    runs = {run.run_id: run for run in store.records.runs()}
    written = store.records.settings().labels
    return {label: origin_of(label, written[label], runs) for label in labels}


class Refitter:
    """Makes one label again, as often as wanted, from products read once.

    Args:
        store: Where they are.
        origin: How it was made; `can_be_made_again`, or for `graph` alone `has_graph`.
    """

    def __init__(self, store: ProductStore, origin: Origin) -> None:
        self._origin = origin
        self.seed: int = origin.parameters.get("seed", 0)
        self._catalogue: Catalogue | None = None
        self._vectors: NDArray[np.float32] | None = None
        if origin.built_in:
            pictured = "image" in (origin.parameters.get("weights") or {})
            catalogue = take_catalogue(store)
            self._catalogue = catalogue if pictured else replace(catalogue, pictures=None)  # there since, not then
            self.ids = catalogue.ids
        else:
            taken = take_vectors(store, origin.on, weights=origin.weights)
            self._vectors, self.ids = taken.vectors, taken.ids

    def labels(self, *, seed: int, rows: Rows | None = None) -> Rows:
        """Cluster again.

        Args:
            seed: Instead of the run's own.
            rows: int64 (m,), ascending, of `ids`: only these products; None for all.

        Returns:
            int64 (m,), noise -1.

        Raises:
            ValueError: If the method refuses so few rows, or the label can no longer be made.
        """
        if self._catalogue is not None:
            return self._of_kind(self._catalogue if rows is None else part(self._catalogue, rows), seed)
        from .methods import MethodOptions, fit

        assert self._vectors is not None
        asked = _known(MethodOptions, self._origin.parameters)
        vectors = self._vectors if rows is None else self._vectors[rows]
        return fit(vectors, MethodOptions(**{**asked, "seed": seed})).labels

    def graph(self) -> Edges:
        """Build the graph the run cut, from the products as they are now; rows are those of `ids`."""
        if len(self.ids) < 2:
            return Edges.none()
        if self._catalogue is not None:
            return self._kinds(self._catalogue, self.seed).graph(self._origin.label)
        from .leiden import neighbour_edges

        assert self._vectors is not None
        settings = self._origin.parameters.get("settings") or {}
        return neighbour_edges(self._vectors, int(settings.get("neighbours", _NEIGHBOURS)))

    def _of_kind(self, catalogue: Catalogue, seed: int) -> Rows:
        found, figures = getattr(self._kinds(catalogue, seed), KIND_OF[self._origin.label])()
        if self._origin.label not in found:
            raise ValueError(f"'{self._origin.label}' cannot be made again: {figures['skipped']}")
        labels: Rows = found[self._origin.label]
        return labels

    def _kinds(self, catalogue: Catalogue, seed: int) -> Kinds:
        asked = _known(ClusterOptions, self._origin.parameters)
        results = self._origin.run.results if self._origin.run is not None else {}
        found = {f"{kind}_resolution": of["resolution"] for kind, of in results.items() if "resolution" in of}
        asked |= found  # what `auto` came to need not be sought again
        shares = asked.get("weights") or {"text": 1.0}
        return Kinds(catalogue, ClusterOptions(**{**asked, "seed": seed}), shares, lambda text: None, no_bar)


_NEIGHBOURS = 15  # of leiden's signature


def part(catalogue: Catalogue, rows: Rows) -> Catalogue:
    """Take some products of a catalogue, with the links among them.

    Args:
        catalogue: n products.
        rows: int64 (m,), ascending.
    """
    place = np.full(len(catalogue.ids), -1)
    place[rows] = np.arange(len(rows))
    pictures = catalogue.pictures
    return Catalogue(
        [catalogue.ids[row] for row in rows],
        catalogue.vectors[rows],
        [catalogue.titles[row] for row in rows],
        [catalogue.brands[row] for row in rows],
        None if catalogue.sources is None else catalogue.sources[rows],
        {name: _inside(links, place) for name, links in catalogue.links.items()},
        {name: labels[rows] for name, labels in catalogue.labels.items()},
        None if pictures is None else type(pictures)(pictures.hashes[rows], pictures.vectors[rows]),
    )


def _inside(links: Links, place: Rows) -> Links:
    source, target = place[links.source], place[links.target]
    both = (source >= 0) & (target >= 0)
    return Links(source[both], target[both])


def _known(options: type[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Take those of a record's parameters that options of today know."""
    names = {each.name for each in fields(options)}
    return {name: value for name, value in parameters.items() if name in names}
