"""What runs the decoder network of a stream: torch in float32, or ONNX Runtime on bytes."""

from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .conv import Cache
from .errors import WeightsError
from .int8_engine import Int8Engine, int8_file
from .model import Tokenizer

EngineName = Literal["torch", "int8"]

ENGINE_NAMES: tuple[EngineName, ...] = ("torch", "int8")


class TileDecoder(Protocol):
    """Decodes one window of a segment's token grid, chunk by chunk."""

    def push(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Turn the next latent frames, int64 `[t, h, w]`, into RGB frames, uint8 `[T, H, W, 3]`."""


class DecoderEngine(Protocol):
    """A tokenizer's decoder, ready to run."""

    @property
    def name(self) -> EngineName:
        """What `--engine` calls it."""

    def start(self, bit_depth: int) -> TileDecoder:
        """Begin a window of a segment whose tokens have `bit_depth` known bits."""


class TorchEngine:
    """The network as it was trained, in float32, on whatever device the tokenizer is."""

    name: EngineName = "torch"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def start(self, bit_depth: int) -> TileDecoder:
        """Begin a window."""
        return _TorchTileDecoder(self.tokenizer, bit_depth)


class _TorchTileDecoder:
    def __init__(self, tokenizer: Tokenizer, bit_depth: int) -> None:
        self._tokenizer, self._bit_depth = tokenizer, bit_depth
        self._cache = Cache()

    @torch.inference_mode()
    def push(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Turn the next latent frames into frames."""
        tokens = torch.from_numpy(np.require(ids, requirements=["C", "W"])).to(self._tokenizer.device)
        pixels = self._tokenizer.reconstruct(tokens[None], self._bit_depth, self._cache)[0]
        bytes_ = pixels.add_(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        frames: NDArray[np.uint8] = bytes_.permute(1, 2, 3, 0).cpu().numpy()
        return frames


def open_engine(tokenizer: Tokenizer, name: EngineName | None = None) -> tuple[DecoderEngine, str | None]:
    """Give the engine of that name, or the fastest that there is.

    Args:
        tokenizer: one that works in streams.
        name: None for `int8` where the tokenizer's folder has its file and the tokenizer is on the CPU, else `torch`.

    Returns:
        The engine, and why it is not `int8` though there is such a file, if so.

    Raises:
        WeightsError: `int8` was asked for, but its file is missing, damaged or of other weights.
    """
    has_int8 = int8_file(tokenizer) is not None and tokenizer.device.type == "cpu"
    if name == "torch" or (name is None and not has_int8):
        return TorchEngine(tokenizer), None
    try:
        return Int8Engine(tokenizer), None
    except WeightsError as error:
        if name is not None:
            raise
        return TorchEngine(tokenizer), f"decoded in float32, which is slower: {error}"
