"""What every method finds: a label for every row, how sure it is of each, and a model that knows where new rows go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .models import Model

NOISE = -1
AnyModel = TypeVar("AnyModel", bound=Model, covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Clustering(Generic[AnyModel]):
    """A partition of rows.

    Args:
        labels: int64 (n,), from 0 to k - 1, every number in use; `NOISE` where a row belongs nowhere.
        model: Puts further rows into these clusters.
        memberships: float32 (n,), how surely each row belongs to its cluster, 0 to 1, 0 for noise; None where the
            method has no such notion.
        figures: What the method says of its work, as JSON knows it: inertia, device, losses ...

    Raises:
        ValueError: If the labels leave a number out, or the memberships do not fit them or are not what is said here.
    """

    labels: NDArray[np.int64]
    model: AnyModel
    memberships: NDArray[np.float32] | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = np.unique(self.labels[self.labels != NOISE])
        if not np.array_equal(used, np.arange(len(used))):
            raise ValueError(
                f"labels must use every number from 0 to {len(used) - 1}, they use {used[:5].tolist()} ..."
            )
        if self.memberships is not None and self.memberships.shape != self.labels.shape:
            raise ValueError(f"{len(self.labels)} labels need as many memberships, got {len(self.memberships)}")
        if self.memberships is not None:
            self._check_range(self.memberships)

    def _check_range(self, memberships: NDArray[np.float32]) -> None:
        wrong = np.flatnonzero(~((memberships >= 0) & (memberships <= np.where(self.labels == NOISE, 0, 1))))
        if len(wrong):
            raise ValueError(
                f"memberships must be between 0 and 1, and 0 for noise, got {memberships[wrong[0]]} in row {wrong[0]} "
                f"of label {self.labels[wrong[0]]}"
            )

    @property
    def k(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=NOISE)) + 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many rows each cluster has, int64 (k,)."""
        return np.bincount(self.labels[self.labels != NOISE], minlength=self.k)

    @property
    def noise(self) -> int:
        """How many rows belong to no cluster."""
        return int((self.labels == NOISE).sum())
