"""The network behind `depict`: a variational autoencoder whose latent means carry a Student-t clustering head."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = NDArray[np.float32]

NARROWEST, WIDEST = 32, 256  # units of a hidden layer
LOG_VARIANCE = 10.0  # at most, either way, so that a row far from all others does not overflow
LEAST_SHARE = 1e-12  # of a row in a cluster, so that its logarithm is a number


def hidden_units(n: int, dims: int) -> int:
    """Choose how wide hidden layers are: wider for wider rows, narrower where few rows would be learned by heart."""
    wanted = min(4 * dims, n // 4)
    return int(np.clip(2 ** np.ceil(np.log2(max(wanted, 1))), NARROWEST, WIDEST))


def student_t(latents: "Tensor", centres: "Tensor") -> "Tensor":
    """Share each row out to the clusters by a Student's t-distribution of one degree of freedom (Xie et al. 2016).

    Args:
        latents: float32 (b, latent).
        centres: float32 (k, latent).

    Returns:
        float32 (b, k), rows that sum to 1.
    """
    squares = latents.square().sum(dim=1)[:, None] + centres.square().sum(dim=1) - 2 * latents @ centres.T
    kernel = 1 / (1 + squares.clamp_min(0))
    return kernel / kernel.sum(dim=1, keepdim=True)


def sharpened(shares: "Tensor", sizes: "Tensor") -> "Tensor":
    """Make the target: sure shares surer, and large clusters less attractive (Xie et al. 2016).

    Args:
        shares: float32 (b, k), of `student_t`.
        sizes: float32 (k,), the sum of all rows' shares.

    Returns:
        float32 (b, k), rows that sum to 1.
    """
    target = shares.square() / sizes
    return target / target.sum(dim=1, keepdim=True)


class Network:
    """Encoder, decoder and the centres of clusters between them.

    Args:
        dims: Width of a row.
        latent: Width of a latent row.
        hidden: Width of the two hidden layers of encoder and decoder.
        seed: Decides the weights it starts from, and its noise.
        device: Where it lives, as PyTorch names it.
    """

    def __init__(self, dims: int, latent: int, hidden: int, *, seed: int, device: str) -> None:
        import torch

        self.latent, self.device = latent, device
        self.widths = [dims, hidden, hidden, latent]
        with torch.random.fork_rng(devices=[]):  # layers take their weights from the generator of the process
            torch.default_generator.manual_seed(seed % 2**63)
            self.encoder = _layers([dims, hidden, hidden, 2 * latent]).to(device)
            self.decoder = _layers([latent, hidden, hidden, dims]).to(device)
        self.centres: Tensor | None = None
        self._random = torch.Generator(device).manual_seed(seed % 2**63)

    def place(self, centres: FloatArray) -> None:
        """Put centres of clusters, float32 (k, latent), among the latent rows."""
        import torch

        self.centres = torch.tensor(centres, device=self.device, requires_grad=True)

    @property
    def parameters(self) -> list["Tensor"]:
        """All that is learned."""
        weights = [*self.encoder.parameters(), *self.decoder.parameters()]
        return weights if self.centres is None else [*weights, self.centres]

    def snapshot(self) -> list["Tensor"]:
        """Copy all that is learned."""
        return [part.detach().clone() for part in self.parameters]

    def go_back(self, snapshot: list["Tensor"]) -> None:
        """Be as it was when the snapshot was made."""
        import torch

        with torch.no_grad():
            for part, before in zip(self.parameters, snapshot, strict=True):
                part.copy_(before)

    def means(self, rows: "Tensor") -> "Tensor":
        """Encode rows, float32 (b, dims), as the means of their latent distributions, without noise."""
        means: Tensor = self.encoder(rows)[:, : self.latent]
        return means

    def losses(self, rows: "Tensor", targets: "Tensor | None", *, noise: float) -> tuple["Tensor", "Tensor", "Tensor"]:
        """Measure on one batch what training makes small.

        Args:
            rows: float32 (b, dims).
            targets: float32 (b, k), where the clean pathway says that they belong; None for nowhere yet.
            noise: Share of the values that the noisy pathway does not see.

        Returns:
            Squared error of the reconstruction a value; divergence of the latent distribution from a standard
            Gaussian, and of the shares from the targets, both a row, in nats.
        """
        import torch

        kept = torch.rand(rows.shape, generator=self._random, device=self.device) >= noise
        encoded = self.encoder(rows * kept / (1 - noise))
        means, logs = encoded[:, : self.latent], encoded[:, self.latent :].clamp(-LOG_VARIANCE, LOG_VARIANCE)
        drawn = means + torch.randn(means.shape, generator=self._random, device=self.device) * (logs / 2).exp()
        reconstruction = (self.decoder(drawn) - rows).square().mean()
        prior = (means.square() + logs.exp() - 1 - logs).sum(dim=1).mean() / 2
        if self.centres is None or targets is None:
            return reconstruction, prior, torch.zeros((), device=self.device)
        shares = student_t(means, self.centres).clamp_min(LEAST_SHARE)
        clustering = (targets * (targets.clamp_min(LEAST_SHARE).log() - shares.log())).sum(dim=1).mean()
        return reconstruction, prior, clustering

    def centre_array(self) -> FloatArray:
        """Give the centres, float32 (k, latent)."""
        return _array(self.centres)

    def weights(self) -> list[tuple[FloatArray, FloatArray]]:
        """Give weights, float32 (out, in), and biases, float32 (out,), of the layers that make latent means."""
        layers = [layer for layer in self.encoder if hasattr(layer, "weight")]
        pairs = [(_array(layer.weight), _array(layer.bias)) for layer in layers]
        weight, bias = pairs[-1]
        return [*pairs[:-1], (weight[: self.latent], bias[: self.latent])]


def _layers(widths: list[int]) -> Any:
    from torch import nn

    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _array(tensor: Any) -> FloatArray:
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float32)
