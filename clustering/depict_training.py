"""How `depict` trains its network: batch by batch, gradients clipped, until it settles."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .depict_network import Network, sharpened, student_t
from .rows import LARGEST

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
Rows = Callable[[IntArray], FloatArray]

AT_ONCE = 4096  # rows standardised or encoded together where nothing is learned from them
FALL = 1e-3  # share by which the loss of pretraining must fall to count as falling
MOVED = 1e-3  # share of rows that may change their cluster in an epoch that counts as settled
MOST_EMPTY = 0.05  # share of the clusters that may lose all their rows
LEAST_BATCH, BATCHES = 32, 8  # a small catalogue is cut into that many batches, or into batches of that many rows


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Args:
        batch_size: Rows a step, fewer where there are few rows.
        learning_rate: Of Adam at the start of each phase; falls to 0 along a cosine.
        gradient_norm: Length to which longer gradients are clipped.
        patience: Epochs without progress before a phase ends.
        noise: Share of the values hidden from the noisy pathway.
        prior_weight: Weight of the divergence from the prior.
        clustering_weight: Weight of the divergence from the targets.
    """

    batch_size: int
    learning_rate: float
    gradient_norm: float
    patience: int
    noise: float
    prior_weight: float
    clustering_weight: float


@dataclass(slots=True)
class Course:
    """What happened in a phase: its losses, whether it ended early, how many steps were clipped and how many made."""

    reconstruction: list[float] = field(default_factory=list)
    prior: list[float] = field(default_factory=list)
    clustering: list[float] = field(default_factory=list)
    stopped_early: bool = False
    emptied: bool = False
    clipped: int = 0
    steps: int = 0

    def total(self, epoch: int, plan: Plan) -> float:
        """Weigh the losses of an epoch as training did."""
        divergences = plan.prior_weight * self.prior[epoch] + plan.clustering_weight * self.clustering[epoch]
        return self.reconstruction[epoch] + divergences


class Trainer:
    """Trains one network on one set of rows.

    Args:
        network: Changed by training.
        rows: Gives the rows of some numbers, float32 (b, dims), standardised.
        n: How many rows there are.
        plan: How to train.
        seed: Decides the order of rows.
        done: Called after each epoch.
    """

    def __init__(
        self, network: Network, rows: Rows, n: int, plan: Plan, *, seed: int, done: Callable[[], object]
    ) -> None:
        self._network, self._rows, self._n, self._plan, self._done = network, rows, n, plan, done
        self._batch = min(plan.batch_size, max(LEAST_BATCH, n // BATCHES))
        self._order = np.random.default_rng(seed)

    def pretrain(self, epochs: int) -> Course:
        """Learn to reconstruct, until the loss falls no more."""
        course, best, waited = Course(), np.inf, 0
        for epoch in self._epochs(epochs, course, with_targets=False):
            loss = course.total(epoch, self._plan)
            waited = 0 if loss < (1 - FALL) * best else waited + 1
            best = min(best, loss)
            if waited >= self._plan.patience:
                course.stopped_early = True
                break
        return course

    def train(self, epochs: int) -> Course:
        """Learn to reconstruct and to cluster together, until rows stay where they are or clusters empty."""
        course, waited, before = Course(), 0, self._clusters()
        least, snapshot = (1 - MOST_EMPTY) * len(np.unique(before)), self._network.snapshot()
        for _ in self._epochs(epochs, course, with_targets=True):
            now = self._clusters()
            if len(np.unique(now)) < least:
                self._network.go_back(snapshot)
                course.stopped_early = course.emptied = True
                break
            snapshot = self._network.snapshot()
            waited = waited + 1 if (now != before).mean() <= MOVED else 0
            before = now
            if waited >= self._plan.patience:
                course.stopped_early = True
                break
        return course

    def latents(self) -> "Tensor":
        """Encode all rows without noise, float32 (n, latent).

        Raises:
            ValueError: If training has diverged.
        """
        import torch

        with torch.no_grad():
            parts = np.array_split(np.arange(self._n), -(-self._n // AT_ONCE))
            found = torch.cat([self._network.means(self._tensor(part)) for part in parts])
        self._check(converges=bool((found.abs() <= LARGEST).all()))
        return found

    def _epochs(self, epochs: int, course: Course, *, with_targets: bool) -> Iterator[int]:
        """Train epoch after epoch, each as it is asked for."""
        import torch

        optimiser = torch.optim.Adam(self._network.parameters, lr=self._plan.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(epochs, 1))
        for epoch in range(epochs):
            self._epoch(optimiser, course, self._targets() if with_targets else None)
            schedule.step()
            self._done()
            yield epoch

    def _epoch(self, optimiser: "Optimizer", course: Course, targets: "Callable[[IntArray], Tensor] | None") -> None:
        import torch

        plan, sums = self._plan, np.zeros(3)
        order = self._order.permutation(self._n)
        for rows in np.array_split(order, -(-self._n // self._batch)):
            aims = None if targets is None else targets(rows)
            parts = self._network.losses(self._tensor(rows), aims, noise=plan.noise)
            loss = parts[0] + plan.prior_weight * parts[1] + plan.clustering_weight * parts[2]
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(self._network.parameters, plan.gradient_norm)
            optimiser.step()
            course.steps += 1
            course.clipped += int(norm > plan.gradient_norm)
            sums += len(rows) / self._n * np.array([part.item() for part in parts])
        self._check(converges=bool(np.isfinite(sums).all()))
        for values, loss_of_epoch in zip(
            (course.reconstruction, course.prior, course.clustering), sums.tolist(), strict=True
        ):
            values.append(loss_of_epoch)

    def _targets(self) -> "Callable[[IntArray], Tensor]":
        """Fix for one epoch where the clean pathway says that rows belong; a target is made when its batch comes."""
        import torch

        assert self._network.centres is not None
        latents, centres = self.latents(), self._network.centres.detach().clone()
        sizes = torch.stack([student_t(part, centres).sum(dim=0) for part in torch.split(latents, AT_ONCE)]).sum(dim=0)

        def targets(rows: IntArray) -> "Tensor":
            return sharpened(student_t(latents[torch.from_numpy(rows)], centres), sizes)

        return targets

    def _clusters(self) -> IntArray:
        import torch

        centres = self._network.centres
        assert centres is not None
        parts = [student_t(part, centres.detach()).argmax(dim=1) for part in torch.split(self.latents(), AT_ONCE)]
        return np.concatenate([part.cpu().numpy() for part in parts])

    def _check(self, *, converges: bool) -> None:
        if not converges:
            raise ValueError(f"training diverged at learning_rate={self._plan.learning_rate:g}: set a smaller one")

    def _tensor(self, rows: IntArray) -> "Tensor":
        import torch

        return torch.from_numpy(self._rows(rows)).to(self._network.device)
