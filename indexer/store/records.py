"""What the store remembers about itself: its settings and the runs that made its labels, kept in Qdrant too."""

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from .engine import Engine, Point
from .names import ClusterNames

State = Literal["running", "done", "failed"]
_KEY, _PART = "record", "part"
_PART_BYTES = 4_000_000  # stays well under a server's 32 MB request limit


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a whole collection.

    Args:
        text_model: Name of the model behind the vector `text`; empty before the first product.
        text_fields: Product fields the text was put together from.
        field_names: The user's own columns seen so far.
        labels: Label name -> id of the last run that wrote it whole.
        unfinished: Labels being written; found so later, the run that wrote them was cut short.
        image_model: Name of the model behind the vector `image`; empty before the first picture.
        image_weights: Fingerprint of that model's files where it is a folder; its name tells of no other.
        crop: How pictures were cropped before they were embedded.
        crop_weights: Fingerprint of the files of the Segment Anything that did, where it is a folder.
        weights: Kind of vector -> its share when they are fused; empty where nobody has chosen any.
        feature_model: Name of what made the vector `features`; empty before the first.
    """

    text_model: str = ""
    text_fields: tuple[str, ...] = ()
    field_names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    image_model: str = ""
    image_weights: str = ""
    crop: str = ""
    crop_weights: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    feature_model: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `index` or `cluster` over a collection.

    Args:
        kind: What ran.
        run_id: Its id; later runs sort after earlier ones.
        state: `running` until it ends; a run found so later was cut short.
        started: UTC, ISO 8601.
        seconds: Wall-clock seconds it took; None until it ends.
        version: Of `assort`.
        parameters: What it was asked for, the seed among it.
        results: What it found, as figures.
    """

    kind: str
    run_id: str
    state: State
    started: str
    seconds: float | None
    version: str
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]


def new_run(kind: str, parameters: Mapping[str, Any]) -> Run:
    """Describe a run that begins now."""
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:4]}"
    return Run(
        kind, run_id, "running", now.isoformat(timespec="seconds"), None, version("assort"), dict(parameters), {}
    )


class Records:
    """The settings and runs of one collection, each a point without a vector of a second, small collection.

    Args:
        engine: The second collection; made on the first write.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def settings(self) -> Settings:
        """Read the settings; the defaults where none are written yet."""
        if not self._engine.exists():
            return Settings()
        found = self._engine.retrieve([_record_id("settings")], keys=None)
        if not found:
            return Settings()
        stored = found[0].payload[_KEY]
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        return Settings(**values)

    def save_settings(self, settings: Settings) -> None:
        """Replace the settings."""
        self._write("settings", asdict(settings))

    def save_run(self, run: Run) -> None:
        """Write a run as it stands now, replacing what was written of it before."""
        self._write(run.run_id, asdict(run))

    def runs(self) -> list[Run]:
        """Read all runs, oldest first."""
        if not self._engine.exists():
            return []
        stored = [found.payload.get(_KEY, {}) for page in self._engine.scroll(keys=(_KEY,)) for found in page]
        return sorted((Run(**record) for record in stored if "run_id" in record), key=lambda run: run.run_id)

    def save_file(self, name: str, content: bytes) -> None:
        """Keep a file, such as a model fitted on the catalogue, whatever was kept under its name before."""
        parts = [content[start : start + _PART_BYTES] for start in range(0, max(1, len(content)), _PART_BYTES)]
        digest = hashlib.blake2b(content, digest_size=12).hexdigest()
        for number, part in enumerate(parts):
            kept = {"of": len(parts), "digest": digest, _PART: base64.b64encode(part).decode()}
            self._put(f"file {name} {number}", kept)

    def file(self, name: str) -> bytes | None:
        """Read a file that was kept; None when there is none of that name, or it was not written whole."""
        if not self._engine.exists():
            return None
        parts: list[Mapping[str, Any]] = []
        while not parts or len(parts) < parts[0]["of"]:
            found = self._engine.retrieve([_record_id(f"file {name} {len(parts)}")], keys=None)
            if not found or (parts and found[0].payload["digest"] != parts[0]["digest"]):
                return None
            parts.append(found[0].payload)
        return b"".join(base64.b64decode(part[_PART]) for part in parts)

    def delete_file(self, name: str) -> None:
        """Forget a file; one that was never kept is no error."""
        part = 0
        while self._engine.exists() and self._engine.retrieve([i := _record_id(f"file {name} {part}")], keys=()):
            self._engine.delete([i])
            part += 1

    def names(self, label: str) -> ClusterNames:
        """Give the names of a label's clusters, to read and to write."""
        return ClusterNames(self._engine, label)

    def take_over(self, others: "Records") -> None:
        """Make the runs, files and names those of another collection; the settings stay as they are."""
        gone = {found.id for page in self._engine.scroll(keys=()) for found in page} if self._engine.exists() else set()
        gone.discard(_record_id("settings"))
        for page in others._engine.scroll(keys=None):
            for found in page:  # one at a time: a part of a file may fill a request
                gone.discard(found.id)
                if found.id != _record_id("settings"):
                    self._engine.upsert([Point(found.id, {}, {}, found.payload)])
        if gone:
            self._engine.delete(sorted(gone))

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        self._put(name, {_KEY: _plain(record)})

    def _put(self, name: str, payload: dict[str, Any]) -> None:
        if not self._engine.exists():
            self._engine.create({}, ["none"])  # an engine wants at least one vector name; no record carries it
        self._engine.upsert([Point(_record_id(name), {}, {}, payload)])


def _record_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _plain(value: Any) -> Any:
    """Turn tuples and numpy numbers into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
