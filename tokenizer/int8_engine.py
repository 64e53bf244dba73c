"""The int8 decoder at work: ONNX Runtime on the graph of `int8_graph`, which lies beside the weights."""

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import WeightsError
from .int8_scales import decoder_of, named_blocks
from .model import Tokenizer

INT8_NAME = "decoder.int8.onnx"
"""In the tokenizer's folder."""

SHA256_KEY = "tokenizer_sha256"
"""In the graph's metadata: the weights that it was made of."""

NUM_REMEMBERED = 2
"""Frames that a convolution over three frames needs of the chunk before."""

FIRST_CHUNK = [NUM_REMEMBERED, NUM_REMEMBERED]
"""What comes before the first chunk: its own first frame, twice."""
LATER_CHUNK = [0, 1]
"""What comes before a later one: the frames remembered."""


def int8_file(tokenizer: Tokenizer) -> Path | None:
    """Find the graph beside a tokenizer's weights."""
    path = None if tokenizer.folder is None else Path(tokenizer.folder) / INT8_NAME
    return path if path is not None and path.is_file() else None


class Int8Engine:
    """The decoder with its convolutions on bytes.

    They are exact sums of integers with scales that are fixed beforehand, so chunks and tiles change nothing.
    """

    name: Literal["int8"] = "int8"

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Load the graph in the tokenizer's folder; it runs on as many threads as torch would take.

        Raises:
            WeightsError: there is none, it is damaged, or it was made of other weights.
        """
        path = int8_file(tokenizer)
        if path is None:
            raise WeightsError(
                f"{tokenizer.folder or 'this tokenizer'} has no {INT8_NAME}; make it with `mgv train int8`"
            )
        self.tokenizer = tokenizer
        self.session = _open_session(path)
        found = self.session.get_modelmeta().custom_metadata_map.get(SHA256_KEY, "no weights")
        if found != tokenizer.sha256:
            raise WeightsError(
                f"{path} was made of the weights {found[:16]}, expected {tokenizer.sha256[:16]}; make it anew with "
                "`mgv train int8`"
            )
        blocks = named_blocks(decoder_of(tokenizer))
        expected = {"latent", "bit_depth", "skip", "past", *(name for name, _ in blocks)}
        if {value.name for value in self.session.get_inputs()} != expected:
            raise WeightsError(f"{path} is not of this version of mgv; make it anew with `mgv train int8`")
        self.blocks = {name: block.time.in_channels for name, block in blocks}
        """Channels that each block remembers."""

    def start(self, bit_depth: int) -> "Int8TileDecoder":
        """Begin a window of a segment whose tokens have `bit_depth` known bits."""
        return Int8TileDecoder(self, bit_depth)


class Int8TileDecoder:
    """Decodes one window of a segment's token grid, chunk by chunk."""

    def __init__(self, engine: Int8Engine, bit_depth: int) -> None:
        self._engine, self._bit_depth = engine, bit_depth
        self._remembered: dict[str, NDArray[np.uint8]] = {}

    @torch.inference_mode()
    def push(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Turn the next latent frames, int64 `[t, h, w]`, into RGB frames, uint8 `[T, H, W, 3]`."""
        tokenizer = self._engine.tokenizer
        tokens = torch.from_numpy(np.require(ids, requirements=["C", "W"])).to(tokenizer.device)
        latent = tokenizer.dequantize(tokens[None], self._bit_depth)[0].transpose(0, 1)
        is_first = not self._remembered
        feeds: dict[str, Any] = {
            "latent": latent.contiguous().cpu().numpy(),
            "bit_depth": np.array([self._bit_depth]),
            "skip": np.array([tokenizer.config.strides[0] - 1 if is_first else 0]),
            "past": np.array(FIRST_CHUNK if is_first else LATER_CHUNK),
            **(self._nothing(*ids.shape[1:]) if is_first else self._remembered),
        }
        names = list(self._engine.blocks)
        frames: NDArray[np.uint8]
        frames, *remembered = self._engine.session.run(["frames", *(f"{name}.next" for name in names)], feeds)
        self._remembered = dict(zip(names, remembered, strict=True))
        return frames

    def _nothing(self, height: int, width: int) -> dict[str, NDArray[np.uint8]]:
        """Make what stands in for remembered frames at the beginning; it is not looked at."""
        fold = decoder_of(self._engine.tokenizer).fold
        empty = {}
        for name, channels in self._engine.blocks.items():
            scale = fold if name.startswith("quarter") else 1
            empty[name] = np.zeros((NUM_REMEMBERED, height * scale, width * scale, channels), np.uint8)
        return empty


def _open_session(path: Path) -> Any:
    # Official builds report each session to their maker, unless this is set before they are loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    # The entropy decoder works on the same cores: waiting threads must not spin.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # From bytes, so that the graph can name no other file.
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except (
        OSError,
        failures.Fail,
        failures.InvalidArgument,
        failures.InvalidGraph,
        failures.InvalidProtobuf,
        failures.NotImplemented,
        failures.RuntimeException,
    ) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"{path} cannot be loaded: {reason}; make it anew with `mgv train int8`"
        ) from error
