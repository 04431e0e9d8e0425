"""What indexing and clustering a catalogue will take on this machine, predicted from a rehearsal."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .memory import (
    CLUSTERING,
    HELD,
    INDEXING,
    MODEL_BYTES,
    VECTORS,
    Size,
    check_indexing,
    clustering_bytes,
    in_words,
    must_map,
)
from .rehearsal import Rehearsal
from .runs import KINDS

Growth = Callable[[float], float]

FAST = 100
"""How many times as fast `--speed fast` embeds as the other tiers, at least."""

COMPARED = 22_000
"""Products, beyond which looking for the nearest of one costs no more than comparing it with so many."""

WAL = 32e6
"""Bytes a store takes whatever it holds: the write-ahead logs."""


def power(exponent: float) -> Growth:
    """Grow with a power of the number of products."""
    return lambda n: n**exponent


def _compared(n: float) -> float:
    return n * min(n, COMPARED)


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a run.

    Args:
        name: As the run calls it.
        command: index or cluster.
        growth: Says how time grows with the number of products.
        beside: A copy of the vectors and records is written before the old ones go: disk of this earlier step, again.
    """

    name: str
    command: str
    growth: Growth
    beside: str = ""


# Exponents: processor time at 590,000 products over that of a rehearsal. Reading and writing include that batches are
# handed from one process to the other, which a rehearsal does without.
STAGES = (
    Stage("loading the model", "index", power(0)),
    Stage("reading", "index", power(1.05)),
    Stage("embedding", "index", power(1)),
    Stage("writing", "index", power(1.08)),
    Stage("reading the store", "cluster", power(1.03)),
    Stage("k-means", "cluster", power(1.15)),
    Stage("comparing pairs", "cluster", power(1.03)),
    Stage("nearest neighbours", "cluster", _compared),
    Stage("similarity clusters", "cluster", power(1)),
    Stage("nearest linked products", "cluster", power(1.55)),
    Stage("complementary clusters", "cluster", power(1.09)),
    Stage("writing labels", "cluster", power(1.04)),
    Stage("ranking complements", "cluster", power(1.03)),
    Stage("reading for the names", "cluster", power(1.03)),
    *(Stage(f"naming {kind}", "cluster", power(1)) for kind in KINDS),
    Stage("building the vector index", "cluster", power(1.25), beside="writing"),
)


@dataclass(frozen=True, slots=True)
class Predicted:
    """What one step will take.

    Args:
        stage: Its name.
        command: index or cluster.
        seconds: By itself.
        memory: Bytes while it runs, files mapped into memory apart.
        disk: Bytes of the store after it, or in it, where that is more.
    """

    stage: str
    command: str
    seconds: float
    memory: float
    disk: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take.

    Args:
        products: How many the catalogue has, about.
        stages: Step by step.
        index_seconds: Reading, embedding and writing side by side.
        cluster_seconds: `cluster all`.
        memory: Most bytes at once, files mapped into memory apart.
        least_memory: The same for a run that keeps its vectors in a file.
        disk: Most bytes of the store.
    """

    products: int
    stages: tuple[Predicted, ...]
    index_seconds: float
    cluster_seconds: float
    memory: float
    least_memory: float
    disk: float

    @property
    def seconds(self) -> float:
        """Say what all takes."""
        return self.index_seconds + self.cluster_seconds

    def seconds_of(self, name: str) -> float:
        """Say what one step takes by itself; 0 when the catalogue does not need it."""
        return sum(each.seconds for each in self.stages if each.stage == name)


def predict(rehearsal: Rehearsal, total: int, *, neighbours: int, cores: int, limit: int | None = None) -> Plan:
    """Predict a run from a rehearsal.

    Args:
        rehearsal: Of the catalogue's first lines.
        total: Lines the catalogue has.
        neighbours: Nearest neighbours a product.
        cores: Of the processor, at least 1.
        limit: Bytes of memory that the run is held to; None for no limit.

    Raises:
        ValueError: If it needs more than the limit.
    """
    share = max(total, rehearsal.lines) / rehearsal.lines
    size = Size(round(rehearsal.products * share), rehearsal.dim, rehearsal.links, neighbours)
    mapped = must_map(size, KINDS, limit)
    check_indexing(size.products, max(rehearsal.model, MODEL_BYTES), limit)
    stages = tuple(
        Predicted(
            stage.name,
            stage.command,
            rehearsal.seconds[stage.name] * stage.growth(size.products) / stage.growth(rehearsal.products),
            _memory(stage, size, rehearsal.model, mapped),
            _disk(stage, rehearsal, share),
        )
        for stage in STAGES
        if stage.name in rehearsal.seconds
    )
    alone = {each.stage: each.seconds for each in stages}
    return Plan(
        size.products,
        stages,
        alone["loading the model"] + side_by_side(alone["reading"], alone["embedding"], alone["writing"], cores),
        sum(each.seconds for each in stages if each.command == "cluster"),
        max(each.memory for each in stages),
        max(INDEXING.bytes(size) + rehearsal.model, clustering_bytes(size, KINDS, mapped=True)),
        max(each.disk for each in stages),
    )


def side_by_side(reading: float, embedding: float, writing: float, cores: int) -> float:
    """Say how long reading, embedding and writing take together: as the slower of two, or as all cores' work.

    Args:
        reading: Seconds by itself, on one core.
        embedding: Seconds by itself, on all cores.
        writing: Seconds by itself, on one core.
        cores: Of the processor.
    """
    return max(reading, writing, (reading + writing) / cores + embedding)


def _memory(stage: Stage, size: Size, model: float, mapped: bool) -> float:
    if stage.command == "index":
        return INDEXING.bytes(size) + model
    return HELD.bytes(size) + (0 if mapped else VECTORS.bytes(size)) + CLUSTERING[stage.name].bytes(size)


def _disk(stage: Stage, rehearsal: Rehearsal, share: float) -> float:
    """Say how large the store gets: what a store takes in any case, and the rest as often as there are products."""
    largest = max(rehearsal.disk.values()) if stage.beside else rehearsal.disk[stage.name]
    copied = rehearsal.disk.get(stage.beside, WAL)
    return WAL + (max(0.0, largest - WAL) + max(0.0, copied - WAL)) * share


def hints(plan: Plan, *, memory: float, disk: float, fast: bool) -> list[str]:
    """Say what to do where the machine is too small or embedding takes most of the time.

    Args:
        plan: What was predicted.
        memory: Bytes this machine has.
        disk: Bytes free where the store will be.
        fast: Whether `--speed fast` was asked for already.
    """
    found = []
    if plan.memory > memory:
        way = (
            f"`assort cluster all --max-memory {in_words(plan.least_memory).replace(' ', '')}` would do"
            if plan.least_memory <= memory
            else "run one kind of cluster at a time, or part of the catalogue with --limit"
        )
        found.append(f"memory: {in_words(plan.memory)} needed, this machine has {in_words(memory)}: {way}")
    if plan.disk > disk:
        found.append(f"disk: {in_words(plan.disk)} needed, {in_words(disk)} free: give --store a folder with more room")
    embedding = plan.seconds_of("embedding")
    if not fast and embedding > plan.seconds / 2:
        shorter = plan.seconds - embedding * (1 - 1 / FAST)
        found.append(f"embedding takes most of the time: --speed fast would take {in_time(shorter)} in all")
    return found


def in_time(seconds: float) -> str:
    """Write a span as a person does."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02} s" if whole < 3600 else f"{whole // 3600} h {whole // 60 % 60:02} min"


def machine_cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_memory() -> float:
    """Say how much memory this process may have: the machine's, or its control group's."""
    own = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(own, float(text)) if text.isdigit() else own
