"""Vector quantization with a learned codebook (thesis Eq. 5.1): latents <-> ids, and its losses."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK_POSITIONS = 16384
"""Positions whose distances to all codes are held at once."""


class VectorQuantized(NamedTuple):
    """What quantizing a latent gives in training."""

    quantized: Tensor
    """float `[B, D, t, h, w]`: the codes in value, the latent in gradient (straight-through)."""
    ids: Tensor
    """int64 `[B, t, h, w]`."""
    codebook_loss: Tensor
    """Mean squared distance that moves the codes to the latents."""
    commitment_loss: Tensor
    """The same number, moving the latents to the codes."""


class VectorQuantizer(nn.Module):
    """Replace each latent vector by the nearest of `num_codes` learned codes."""

    codebook: Tensor
    """float `[V, D]`."""

    def __init__(self, num_codes: int = 1024, dimension: int = 256) -> None:
        super().__init__()
        self.codebook = nn.Parameter(
            torch.empty(num_codes, dimension).uniform_(-1, 1) * (3 / num_codes) ** 0.5
        )

    @torch.no_grad()
    def quantize(self, latent: Tensor) -> Tensor:
        """Number the code nearest to each vector, Eq. 5.1; of equals the first. Inverse: `dequantize`.

        Args:
            latent: float `[B, D, t, h, w]`, any range.

        Returns:
            int64 `[B, t, h, w]`, each in `[0, V)`.
        """
        codes = self.codebook.float()
        half_square = codes.square().sum(dim=1) / 2
        vectors = latent.movedim(1, -1).reshape(-1, codes.shape[1]).float()
        with torch.autocast(codes.device.type, enabled=False):
            parts = vectors.tensor_split(-(-vectors.shape[0] // CHUNK_POSITIONS))
            ids = [torch.argmin(half_square - part @ codes.T, dim=1) for part in parts]
        return torch.cat(ids).reshape(latent.shape[0], *latent.shape[2:])

    def dequantize(self, ids: Tensor) -> Tensor:
        """Look up codes: int64 `[B, t, h, w]` to float `[B, D, t, h, w]`."""
        return functional.embedding(ids, self.codebook).movedim(-1, 1)

    def forward(self, latent: Tensor) -> VectorQuantized:
        """Quantize with a straight-through gradient and give both losses, unweighted."""
        ids = self.quantize(latent)
        codes = self.dequantize(ids)
        return VectorQuantized(
            quantized=latent + (codes - latent).detach(),
            ids=ids,
            codebook_loss=functional.mse_loss(codes.float(), latent.detach().float()),
            commitment_loss=functional.mse_loss(latent.float(), codes.detach().float()),
        )
