"""The int8 decoder of `mgv-s` as an ONNX graph: channels last, one chunk of latent frames at a time."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from .int8_engine import SHA256_KEY
from .int8_scales import decoder_of, measure_scales, named_blocks, round_weights
from .mgv_s import PATCH, MgvSDecoder, ResidualBlock
from .model import Tokenizer

if TYPE_CHECKING:
    from onnx import ModelProto

Array = NDArray[Any]

OPSET, IR_VERSION = 17, 8
"""Old enough for every ONNX Runtime that the project takes."""

MICROSOFT = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""

END = np.iinfo(np.int64).max

ZERO = 128
"""The unsigned byte that stands for 0 where values have a sign."""


def save_int8_decoder(tokenizer: Tokenizer, clips: Iterable[NDArray[np.int64]], path: Path) -> int:
    """Choose scales on token ids of training video and write the graph for `Int8Engine`; needs the package onnx.

    Args:
        tokenizer: an `mgv-s`.
        clips: see `measure_scales`.
        path: of the file.

    Returns:
        The number of clips.
    """
    scales, num_clips = measure_scales(tokenizer, clips)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(DecoderGraph(tokenizer, scales).build().SerializeToString())
    part.rename(path)
    return num_clips


class DecoderGraph:
    """Builds the graph of one tokenizer's decoder.

    Inputs: `latent` float32 `[t, D, h, w]`; `bit_depth` int64 `[1]`; `skip` int64 `[1]`, frames to drop at the
    beginning; `past` int64 `[2]`, which two of (the two remembered frames, the first of this chunk) come before this
    chunk; and for each block, under its name, the two remembered frames, uint8 `[2, h, w, C]`. Outputs: `frames`
    uint8 `[T, H, W, 3]` RGB, and for each block `NAME.next`, what to remember.

    The sum over the blocks is kept in float32, and so are the latent's convolution and the linear shortcut.
    """

    def __init__(self, tokenizer: Tokenizer, scales: Mapping[str, float]) -> None:
        """Take the weights of `tokenizer` and the steps of `measure_scales`."""
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._decoder: MgvSDecoder = decoder_of(tokenizer)
        self._sha256 = tokenizer.sha256
        self._scales = scales
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._num_names = 0

    def build(self) -> "ModelProto":
        """Give the whole model."""
        decoder = self._decoder
        stride_t, fold = decoder.strides[0], decoder.fold
        self._sizes = self._add("Shape", "latent")
        x = self._latent_in()
        blocks, shapes = named_blocks(decoder), self._shapes(1)
        for name, block in blocks[: len(decoder.blocks)]:
            x = self._block(x, name, block, shapes)
        kernel, bias = _array(decoder.up.weight)[..., 0, 0, 0], _array(decoder.up.bias)
        order = np.arange(len(kernel)).reshape(-1, stride_t * fold * fold).T.ravel()
        x = self._product(self._quantize(x, "up.in"), kernel[order], bias[order], "up.in")
        x = self._unfold(x, len(kernel) // (stride_t * fold * fold))
        shapes = self._shapes(fold)
        for name, block in blocks[len(decoder.blocks) :]:
            x = self._block(x, name, block, shapes)
        colour = _array(decoder.colour)
        residual = self._convolve(
            self._quantize(x, "out.in"),
            _mix_colours(_array(decoder.out.weight)[:, :, 0], colour, (1, 1, PATCH, 1, PATCH)),
            _mix_colours(_array(decoder.out.bias), colour, (1, 1, PATCH, 1, PATCH)),
            ("out.in", "out"),
            ZERO,
        )
        pixels = self._add("Add", self._shortcut(colour), self._signed(residual, "out", 127.5))
        bytes_ = self._add(
            "QuantizeLinear", pixels, self._constant(1.0), self._constant(0, np.uint8)
        )  # rounds half to even and clamps to 0..255, as torch does
        patches = self._reshape(bytes_, 0, 0, 0, PATCH, PATCH, 3)
        rows = self._add("Transpose", patches, perm=[0, 1, 3, 2, 4, 5])
        size = [stride_t, fold * PATCH, fold * PATCH, 3]
        self._add("Reshape", rows, self._grid(size, -1), name="frames")
        return self._model([name for name, _ in blocks])

    def _latent_in(self) -> str:
        """Convolve the latent in float32, and go over to channels last."""
        decoder = self._decoder
        kernel = _array(decoder.latent_in.weight)[:, :, 0] * _array(decoder.scale)[:, None, None]
        latent = "latent"
        if decoder.wide:
            low, high = (self._constant(end[..., 0]) for end in _array(decoder.reach))
            inner = self._add("Max", self._add("Min", latent, high), low)
            outer = self._add(
                "Gather", self._add("Sub", latent, inner), self._constant(decoder.wide, np.int64), axis=1
            )
            latent = self._add("Concat", inner, outer, axis=1)
            outer_kernel = _array(decoder.outer_in.weight)[:, :, 0]
            outer_kernel *= _array(decoder.scale)[decoder.wide][:, None, None]
            kernel = np.concatenate([kernel, outer_kernel], axis=1)
        x = self._add(
            "Conv",
            latent,
            self._constant(kernel),
            self._constant(_array(decoder.latent_in.bias)),
            pads=[1, 1, 1, 1],
        )
        x = self._add("Transpose", x, perm=[0, 2, 3, 1])
        return self._add(
            "Add", x, self._add("Gather", self._constant(_array(decoder.depth_bias.weight)), "bit_depth")
        )

    def _block(self, x: str, name: str, block: ResidualBlock, shapes: tuple[str, str]) -> str:
        """Convolve in space, then in time with what is remembered, and add that to the input; `shapes` of `_shapes`."""
        mid = self._convolve(
            self._quantize(x, f"{name}.in"),
            _array(block.space.weight)[:, :, 0],
            _array(block.space.bias),
            (f"{name}.in", f"{name}.mid"),
            0,  # negative sums become 0: the ReLU
        )
        known = self._add("Concat", name, self._slice(mid, 0, 1), axis=0)
        frames = self._add("Concat", self._add("Gather", known, "past", axis=0), mid, axis=0)
        kernel = _array(block.time.weight)[..., 0]
        self._add("Identity", self._slice(frames, 1 - kernel.shape[2], END), name=f"{name}.next")
        lines, grid = shapes
        y = self._convolve(
            self._add("Reshape", frames, lines),
            kernel,
            _array(block.time.bias),
            (f"{name}.mid", f"{name}.out"),
            ZERO,
            pad=False,
        )
        return self._add("Add", x, self._signed(self._add("Reshape", y, grid), f"{name}.out"))

    def _shapes(self, factor: int) -> tuple[str, str]:
        """Give two shapes of frames at `factor` times the latent grid: a line of a picture each, and as they are."""
        sides = self._add("Gather", self._sizes, self._constant([2, 3], np.int64))
        sides = self._add("Mul", sides, self._constant([factor], np.int64))
        length = self._add("ReduceProd", sides)
        same = self._constant([0], np.int64)
        return (
            self._add("Concat", self._constant([1, -1], np.int64), length, same, axis=0),
            self._add("Concat", self._constant([-1], np.int64), sides, same, axis=0),
        )

    def _shortcut(self, colour: Array) -> str:
        """Transform the latent linearly to pixels in 0..255, float32, in patches as the residual has them."""
        decoder = self._decoder
        stride_t, fold = decoder.strides[0], decoder.fold
        layout = (stride_t, fold, PATCH, fold, PATCH)
        kernel = _mix_colours(_array(decoder.shortcut.weight)[..., 0, 0, 0], colour, layout) * 127.5
        bias = _mix_colours(_array(decoder.shortcut.bias), colour, layout) * 127.5 + 127.5
        latent = self._add("Transpose", "latent", perm=[0, 2, 3, 1])
        pixels = self._add("MatMul", latent, self._constant(kernel.T))
        return self._unfold(self._add("Add", pixels, self._constant(bias)), 3 * PATCH**2)

    def _unfold(self, x: str, channels: int) -> str:
        """Turn channels into sub-frames, rows and columns, and drop the frames that stand before the first."""
        stride_t, fold = self._decoder.strides[0], self._decoder.fold
        x = self._reshape(x, 0, 0, 0, stride_t, fold, fold, channels)
        x = self._add("Transpose", x, perm=[0, 3, 1, 4, 2, 5, 6])
        x = self._add("Reshape", x, self._grid([stride_t, fold, fold, channels]))
        return self._add("Slice", x, "skip", self._constant([END], np.int64), self._constant([0], np.int64))

    def _quantize(self, x: str, scale: str) -> str:
        """Round to unsigned bytes; what is negative becomes 0: the ReLU before each convolution."""
        step = self._constant(self._scales[scale])
        return self._add("QuantizeLinear", x, step, self._constant(0, np.uint8))

    def _signed(self, x: str, scale: str, unit: float = 1.0) -> str:
        """Turn bytes around `ZERO` to float32, in 1/`unit`."""
        step = self._constant(self._scales[scale] * unit)
        return self._add("DequantizeLinear", x, step, self._constant(ZERO, np.uint8))

    def _convolve(
        self, x: str, kernel: Array, bias: Array, scales: tuple[str, str], zero: int, *, pad: bool = True
    ) -> str:
        """Convolve bytes over two axes, channels last; the result is in bytes again, around `zero`."""
        step_in, step_out = (self._scales[name] for name in scales)
        integers, steps = round_weights(kernel)
        return self._add(
            "QLinearConv",
            x,
            self._constant(step_in),
            self._constant(0, np.uint8),
            self._constant(integers, np.int8),
            self._constant(steps),
            self._constant(np.zeros(len(steps)), np.int8),
            self._constant(step_out),
            self._constant(zero, np.uint8),
            self._constant(np.rint(bias / (steps.astype(np.float64) * step_in)), np.int32),
            domain=MICROSOFT,
            kernel_shape=list(kernel.shape[2:]),
            pads=[size // 2 if pad else 0 for size in kernel.shape[2:]] * 2,
            channels_last=1,
        )

    def _product(self, x: str, matrix: Array, bias: Array, scale: str) -> str:
        """Multiply bytes over channels by `matrix` `[O, C]`; the result is float32."""
        integers, steps = round_weights(matrix)
        return self._add(
            "MatMulIntegerToFloat",
            x,
            self._constant(integers.T, np.int8),
            self._constant(self._scales[scale]),
            self._constant(steps),
            self._constant(0, np.uint8),
            "",
            self._constant(bias),
            domain=MICROSOFT,
        )

    def _slice(self, x: str, start: int, end: int) -> str:
        """Take frames."""
        return self._add("Slice", x, *(self._constant([value], np.int64) for value in (start, end, 0)))

    def _reshape(self, x: str, *sizes: int) -> str:
        """Reshape; 0 keeps a size."""
        return self._add("Reshape", x, self._constant(sizes, np.int64))

    def _grid(self, factors: list[int], first: int | None = None) -> str:
        """Give the latent grid's sizes times `factors`, and the last of these; `first` replaces the frames'."""
        sizes = self._add("Gather", self._sizes, self._constant([0, 2, 3], np.int64))
        sizes = self._add("Concat", sizes, self._constant([1], np.int64), axis=0)
        sizes = self._add("Mul", sizes, self._constant(factors, np.int64))
        if first is None:
            return sizes
        rest = self._add("Slice", sizes, *(self._constant([value], np.int64) for value in (1, END)))
        return self._add("Concat", self._constant([first], np.int64), rest, axis=0)

    def _constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant and give its name."""
        self._num_names += 1
        name = f"c{self._num_names}"
        self._constants.append(self._numpy.from_array(np.ascontiguousarray(np.asarray(value, dtype)), name))
        return name

    def _add(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node of one output and give that output's name."""
        self._num_names += 1
        output = name or f"v{self._num_names}"
        self._nodes.append(
            self._helper.make_node(operator, list(inputs), [output], domain=domain, **attributes)
        )
        return output

    def _model(self, blocks: list[str]) -> "ModelProto":
        from onnx import TensorProto, checker

        helper, num_dimensions = self._helper, len(self._decoder.scale)
        remembered = [None, None, None, None]
        graph = helper.make_graph(
            self._nodes,
            "decoder",
            [
                helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["t", num_dimensions, "h", "w"]),
                helper.make_tensor_value_info("bit_depth", TensorProto.INT64, [1]),
                helper.make_tensor_value_info("skip", TensorProto.INT64, [1]),
                helper.make_tensor_value_info("past", TensorProto.INT64, [2]),
                *(helper.make_tensor_value_info(name, TensorProto.UINT8, remembered) for name in blocks),
            ],
            [
                helper.make_tensor_value_info("frames", TensorProto.UINT8, [None, None, None, 3]),
                *(
                    helper.make_tensor_value_info(f"{name}.next", TensorProto.UINT8, remembered)
                    for name in blocks
                ),
            ],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model: ModelProto = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mgv"
        )
        helper.set_model_props(model, {SHA256_KEY: self._sha256})
        checker.check_model(model)
        return model


def _mix_colours(values: Array, colour: Array, layout: tuple[int, int, int, int, int]) -> Array:
    """Apply the colour matrix to output channels, and order them sub-frame, patch row and column, pixel, colour.

    Args:
        values: `[3 * N, ...]`, colour-major, N the product of `layout`.
        colour: `[3, 3]`.
        layout: sub-frames, patch rows, rows of a patch, patch columns, columns of a patch.
    """
    rest = values.shape[1:]
    mixed = np.einsum("oc,cn->on", colour, values.reshape(3, -1)).reshape(3, *layout, -1)
    ordered: Array = mixed.transpose(1, 2, 4, 3, 5, 0, 6).reshape(-1, *rest)
    return ordered


def _array(tensor: Tensor | nn.Parameter | None) -> Array:
    assert tensor is not None  # noqa: S101 - every convolution here has a bias
    array: Array = tensor.detach().cpu().double().numpy()
    return array
