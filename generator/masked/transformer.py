"""The bidirectional transformer of thesis chapter 6, over factorised tokens with a task and a class as prefix."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..copying import Copying, find_candidates
from ..heads import HEADS, WordEmbedding
from ..tasks import TASKS
from .config import MaskedConfig
from .guess import NearestGuess
from .pointers import Pointers

NUM_PREFIX = 2
"""Task prompt and class token, as in thesis 6.5.1."""


class MaskedTransformer(nn.Module):
    """Windows of partly masked tokens to what is known of each: BERT with norms before the branches."""

    def __init__(self, config: MaskedConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.words = WordEmbedding(config.vocabularies, width)
        self.heads = HEADS[config.heads](self.words, width)
        self.guess = NearestGuess(config.window, width) if config.guesses else None
        self.positions = nn.ParameterList(nn.Parameter(0.02 * torch.randn(n, width)) for n in config.window)
        self.image_latent = nn.Parameter(torch.zeros(width))
        count = len(config.vocabularies.bits)
        self.pointers = Pointers(config.window, count, width) if config.copies else None
        self.tasks = nn.Embedding(len(TASKS), width)
        self.classes = nn.Embedding(len(config.labels) + 1, width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(width)
        for table in (self.tasks, self.classes):
            nn.init.normal_(table.weight, std=0.02)

    @property
    def no_label(self) -> int:
        """Number of the class that stands for none."""
        return len(self.config.labels)

    def copying(self, words: Tensor, masked: Tensor, refined: Tensor, where: Tensor) -> Copying | None:
        """Give what the heads copy from, for the tokens marked in `where`; the rest as of `CorruptedTokens`."""
        if self.pointers is None:
            return None
        return self.pointers.start(find_candidates(words, masked, refined).select(where))

    def forward(
        self,
        words: Tensor,
        masked: Tensor,
        is_image: Tensor,
        num_known: int,
        task: Tensor,
        label: Tensor,
    ) -> Tensor:
        """Look at a window as a whole.

        Args:
            words: int64 `[B, t, h, w, G]`, no window larger than the config's.
            masked: bool `[B, t, h, w]`: tokens that are [MASK].
            is_image: bool `[B, t]`: latent frames that were coded as images.
            num_known: sub-vocabularies that the tokens have.
            task: int64 `[B]`, place of the task in `TASKS`.
            label: int64 `[B]`, place of the class, or `no_label`.

        Returns:
            float `[B, t, h, w, width]`.
        """
        batch, t, h, w = masked.shape
        x = self.words(words, masked, num_known) + is_image[..., None, None, None] * self.image_latent
        if self.guess is not None:
            x = x + self.guess(self.words, words, masked, num_known)
        x = x + self.positions[0][:t, None, None] + self.positions[1][:h, None] + self.positions[2][:w]
        prefix = torch.stack([self.tasks(task), self.classes(label)], dim=1)
        x = self.dropout(torch.cat([prefix, x.flatten(1, 3)], dim=1))
        for block in self.blocks:
            x = block(x, (t, h, w))
        hidden: Tensor = self.norm(x)[:, NUM_PREFIX:].view(batch, t, h, w, -1)
        return hidden


class Block(nn.Module):
    """Attention and a two-layer perceptron, both residual."""

    def __init__(self, config: MaskedConfig) -> None:
        super().__init__()
        width = config.width
        self.num_heads, self.dropout_share = config.num_heads, config.dropout
        self.mixing = LocalMixing(width) if config.local_mixing else None
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.mlp_width), nn.GELU(), nn.Linear(config.mlp_width, width)
        )
        self.dropout = nn.Dropout(config.dropout)
        for weight in (self.project.weight, self.mlp.get_parameter("2.weight")):
            nn.init.normal_(weight, std=0.02 / (2 * config.num_layers) ** 0.5)

    def forward(self, x: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """Map float `[B, prefix + t*h*w, width]` to the same shape."""
        if self.mixing is not None:
            x = self.mixing(x, grid)
        x = x + self.dropout(self._attend(self.norm_attention(x)))
        mapped: Tensor = x + self.dropout(self.mlp(self.norm_mlp(x)))
        return mapped

    def _attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        query, key, value = (
            self.query_key_value(x).view(batch, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        )
        dropout = self.dropout_share if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        projected: Tensor = self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        return projected


class LocalMixing(nn.Module):
    """Adds to each token a weighted sum of its neighbours in time, rows and columns, each channel on its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(3, 2, width))
        """For each axis, of the neighbour before and of the one after."""

    def forward(self, x: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """Map float `[B, prefix + t*h*w, width]` to the same shape; what lies outside of the window counts as 0."""
        prefix, tokens = x[:, :NUM_PREFIX], x[:, NUM_PREFIX:].reshape(len(x), *grid, -1)
        mixed = tokens
        for axis in range(3):
            size = grid[axis]
            if size > 1:
                before, after = self.weights[axis]
                pad_before, pad_after = [0, 0] * (3 - axis), [0, 0] * (3 - axis)
                low, high = tokens.narrow(axis + 1, 0, size - 1), tokens.narrow(axis + 1, 1, size - 1)
                mixed = mixed + functional.pad(low * before, [*pad_before, 1, 0])
                mixed = mixed + functional.pad(high * after, [*pad_after, 0, 1])
        return torch.cat([prefix, mixed.flatten(1, 3)], dim=1)
