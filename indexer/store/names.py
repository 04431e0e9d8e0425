"""What clusters are called, kept in Qdrant: a thousand names a point, so that ten among 200,000 are read at once."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from .engine import Engine, Point

NAMES_A_POINT = 1000
_NAMES, _POINTS = "names", "points"


class ClusterNames:
    """The names of the clusters of one label; those a person gave stand beside the others and win.

    Args:
        engine: The collection they lie in; made on the first write.
        label: Whose clusters.
    """

    def __init__(self, engine: Engine, label: str) -> None:
        self._engine = engine
        self._label = label

    def read(self, numbers: Iterable[int]) -> dict[int, str]:
        """Read the names of some clusters; those without one are left out."""
        wanted = set(numbers)
        points = sorted({number // NAMES_A_POINT for number in wanted})
        found = self._payloads([self._id("names", point) for point in points])
        names = {int(number): name for payload in found for number, name in payload[_NAMES].items()}
        names |= self.edited()
        return {number: names[number] for number in sorted(wanted & names.keys())}

    def edited(self) -> dict[int, str]:
        """Read the names a person gave."""
        return {
            int(number): name
            for payload in self._payloads([self._id("edited", 0)])
            for number, name in payload[_NAMES].items()
        }

    def save(self, names: Mapping[int, str]) -> None:
        """Replace all names but those a person gave."""
        parts: dict[int, dict[str, str]] = {}
        for number, name in sorted(names.items()):
            parts.setdefault(number // NAMES_A_POINT, {})[str(number)] = name
        before = [point for payload in self._payloads([self._id("points", 0)]) for point in payload[_POINTS]]
        self._put("points", 0, {_POINTS: sorted({*before, *parts})})  # first: what is cut short is found again
        for point, part in parts.items():
            self._put("names", point, {_NAMES: part})
        if gone := [self._id("names", point) for point in before if point not in parts]:
            self._engine.delete(gone)
        self._put("points", 0, {_POINTS: sorted(parts)})

    def edit(self, number: int, name: str) -> None:
        """Keep the name a person gave to a cluster; an empty one gives back the name found for it."""
        edited = self.edited()
        edited.pop(number, None)
        if name:
            edited[number] = name
        self._put("edited", 0, {_NAMES: {str(each): edited[each] for each in sorted(edited)}})

    def highest_edited(self) -> int:
        """Give the highest number that a person named, -1 for none: numbers of new clusters lie above it."""
        return max(self.edited(), default=-1)

    def delete(self) -> None:
        """Forget all names, those a person gave too."""
        points = [point for payload in self._payloads([self._id("points", 0)]) for point in payload[_POINTS]]
        if self._engine.exists():
            named = [self._id("names", point) for point in points]
            self._engine.delete([*named, self._id("edited", 0), self._id("points", 0)])

    def _put(self, what: str, point: int, payload: dict[str, Any]) -> None:
        if not self._engine.exists():
            self._engine.create({}, ["none"])  # an engine wants at least one vector name; no name carries it
        self._engine.upsert([Point(self._id(what, point), {}, {}, payload)])

    def _payloads(self, ids: list[str]) -> list[Mapping[str, Any]]:
        if not ids or not self._engine.exists():
            return []
        return [found.payload for found in self._engine.retrieve(ids, keys=None)]

    def _id(self, what: str, point: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{what} {self._label} {point}"))
