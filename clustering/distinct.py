"""Names made different: a number after those that are alike."""

import sys
from collections.abc import Iterator, Mapping
from itertools import count

from .phrases import fold


def told_apart(
    names: Mapping[int, str], groups: Mapping[int, int] | None = None, *, longest: int = sys.maxsize
) -> dict[int, str]:
    """Number names that are alike, from the second on, past every number that another name ends in.

    Names are alike when they differ in nothing but case and a last plural s.

    Args:
        names: Cluster -> name, none of them empty.
        groups: Cluster -> the cluster above it; only names of one group have to differ. None where all do.
        longest: Characters of a name at most; longer ones are cut, before the number.
    """
    cut = {cluster: name[:longest].rstrip() for cluster, name in names.items()}
    group = {cluster: groups.get(cluster, 0) if groups else 0 for cluster in names}
    taken = {(group[cluster], fold(name)) for cluster, name in cut.items()}
    numbers: dict[tuple[int, str], Iterator[int]] = {}
    told = {}
    for cluster, name in cut.items():
        alike = group[cluster], fold(name)
        if alike not in numbers:  # the first keeps its name
            numbers[alike], told[cluster] = count(2), name
            continue
        endings = (f" {number}" for number in numbers[alike])
        numbered = (name[: longest - len(ending)].rstrip() + ending for ending in endings)
        told[cluster] = next(each for each in numbered if (group[cluster], fold(each)) not in taken)
        taken.add((group[cluster], fold(told[cluster])))
    return told
