"""The int8 decoder: close to float32, the same in chunks and tiles, and never run under other weights."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from mgv.tokenizer import (
    DecoderStream,
    MgvSNetwork,
    Tokenizer,
    TokenizerConfig,
    WeightsError,
    load_tokenizer,
    save_tokenizer,
)
from mgv.tokenizer.decoder_engine import EngineName, open_engine
from mgv.tokenizer.int8_engine import INT8_NAME, SHA256_KEY
from mgv.tokenizer.int8_graph import save_int8_decoder
from mgv.tokenizer.int8_scales import MAX_WEIGHT, best_step, round_weights
from mgv.tokenizer.klt import model_klt
from mgv.tokenizer.mgv_s import MgvSDecoder, MgvSEncoder, set_linear_transform
from mgv.tokenizer.presets import MAGVIT_V2, MGV_S, image_config
from mgv.tokenizer.quantize import LookupFreeQuantizer

CONFIG = replace(MGV_S, name="tiny", network=MgvSNetwork(8, 12, 1, 12, 2, 8, 1, (0, 1), (7, 5)))
DEPTH = CONFIG.bits_per_token


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random `mgv-s`, with an int8 decoder whose scales were chosen on random tokens."""
    return save_random(tmp_path_factory.mktemp("int8"))


def save_random(folder: Path, seed: int = 0, high: tuple[tuple[int, tuple[float, ...]], ...] = ()) -> Path:
    torch.manual_seed(seed)
    tokenizer = Tokenizer(CONFIG)
    assert isinstance(tokenizer.encoder, MgvSEncoder)
    assert isinstance(tokenizer.decoder, MgvSDecoder)
    dimensions = len(CONFIG.dimension_bits)
    transform = model_klt(CONFIG.strides, dimensions)
    set_linear_transform(tokenizer.encoder, tokenizer.decoder, transform, np.full(dimensions, 0.3))
    with torch.no_grad():
        for name, parameter in tokenizer.decoder.named_parameters():
            if "shortcut" not in name:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    assert isinstance(tokenizer.quantizer, LookupFreeQuantizer)
    for dimension, values in high:
        tokenizer.quantizer.set_outer_values(dimension, (), values)
    save_tokenizer(tokenizer, folder, {})
    assert save_int8_decoder(load_tokenizer(folder), clips(), folder / INT8_NAME) == 6
    return folder


def clips() -> list[np.ndarray]:
    return [tokens(5, 6, 7, seed) for seed in range(6)]


def tokens(t: int, h: int, w: int, seed: int = 99) -> np.ndarray:
    """Smooth random latents, quantized: int64 `[t, h, w]`."""
    generator = torch.Generator().manual_seed(seed)
    latent = torch.randn((1, len(CONFIG.dimension_bits), t, h, w), generator=generator)
    ids: np.ndarray = Tokenizer(CONFIG).quantizer.quantize(latent)[0].numpy()
    return ids


def decode(
    folder: Path, ids: np.ndarray, engine: str, chunks: list[int], tile: int = 1000, depth: int = DEPTH
) -> np.ndarray:
    tokenizer = load_tokenizer(folder)
    running, _ = open_engine(tokenizer, engine)
    height, width = 8 * ids.shape[1] - 3, 8 * ids.shape[2] - 1
    stream = DecoderStream(tokenizer, height, width, depth, engine=running, tile=tile)
    return np.concatenate([stream.push(part) for part in np.split(ids, np.cumsum(chunks)[:-1])])


@pytest.mark.parametrize("depth", [CONFIG.bit_depths[0], DEPTH])
def test_it_decodes_what_float32_does_but_for_rounding(folder: Path, depth: int) -> None:
    ids = tokens(4, 9, 11)
    exact = decode(folder, ids, "torch", [1, 2, 1], depth=depth).astype(float)
    rounded = decode(folder, ids, "int8", [1, 2, 1], depth=depth)
    assert rounded.shape == exact.shape == (13, 69, 87, 3)
    assert rounded.dtype == np.uint8
    assert np.square(rounded - exact).mean() < 4
    linear_only = decode(folder, tokens(4, 9, 11, seed=5), "int8", [4], depth=depth)
    assert np.square(linear_only - exact).mean() > 100  # other tokens are another picture


def test_what_lies_beyond_the_integers_is_seen_alike(tmp_path: Path) -> None:
    folder = save_random(tmp_path, high=((0, (80.0,)),))
    tokenizer = load_tokenizer(folder)
    latent = torch.zeros(1, len(CONFIG.dimension_bits), 2, 5, 6)
    latent[0, :2, :, 1:3, 1:4] = 80.0
    ids: np.ndarray = tokenizer.quantizer.quantize(latent)[0].numpy()
    exact, rounded = (decode(folder, ids, engine, [2]).astype(float) for engine in ("torch", "int8"))
    with torch.no_grad():
        tokenizer.decoder.outer_in.weight.zero_()
    untaught = DecoderStream(tokenizer, 37, 47, DEPTH).push(ids).astype(float)
    assert np.square(rounded - exact).mean() < 0.2 * np.square(rounded - untaught).mean()


def test_the_residual_is_not_what_rounding_leaves(folder: Path) -> None:
    ids = tokens(3, 6, 6)
    tokenizer = load_tokenizer(folder)
    with torch.no_grad():
        tokenizer.decoder.out.weight.zero_()
        tokenizer.decoder.out.bias.zero_()
    linear = DecoderStream(tokenizer, 45, 47, DEPTH).push(ids).astype(float)
    rounded, exact = (decode(folder, ids, engine, [3]).astype(float) for engine in ("int8", "torch"))
    assert np.square(rounded - exact).mean() < 0.1 * np.square(linear - exact).mean()


@pytest.mark.parametrize("chunks", [[5], [1, 1, 1, 1, 1], [2, 2, 1], [1, 4]], ids=str)
@pytest.mark.parametrize("tile", [1000, 4])
def test_chunks_and_tiles_change_nothing(folder: Path, chunks: list[int], tile: int) -> None:
    ids = tokens(5, 13, 10)
    whole = decode(folder, ids, "int8", [5])
    parts = decode(folder, ids, "int8", chunks, tile)
    difference = np.abs(parts.astype(int) - whole)
    # All but the linear part is exact integers; that is float32, and a tie may round either way.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4


def test_it_is_the_default_where_there_is_one(folder: Path, tiny_model: Path) -> None:
    engine, warning = open_engine(load_tokenizer(folder))
    assert (engine.name, warning) == ("int8", None)
    engine, warning = open_engine(load_tokenizer(tiny_model))
    assert (engine.name, warning) == ("torch", None)
    with pytest.raises(WeightsError, match=r"has no decoder\.int8\.onnx; make it with `mgv train int8`"):
        open_engine(load_tokenizer(tiny_model), "int8")
    assert open_engine(load_tokenizer(folder), "torch")[0].name == "torch"


def test_nothing_is_reported_to_anyone(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from mgv.tokenizer import load_tokenizer; from mgv.tokenizer.decoder_engine import open_engine; "
        "print(open_engine(load_tokenizer(sys.argv[1]))[0].name)"
    )
    silencers = "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "XDG_CACHE_HOME"
    environment = {name: value for name, value in os.environ.items() if name not in silencers}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "int8\n"
    assert not list(tmp_path.rglob("deviceid"))  # by which onnxruntime would know this machine again


def test_one_of_other_weights_is_not_run(folder: Path, tmp_path: Path) -> None:
    other = save_random(tmp_path / "other", seed=1)
    shutil.copy(folder / INT8_NAME, other)
    check_refused(other, "was made of the weights")


def test_a_damaged_one_is_not_run(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / INT8_NAME).write_bytes((copy / INT8_NAME).read_bytes()[:-1000])
    check_refused(copy, "cannot be loaded")


def test_one_of_another_make_is_not_run(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "g", [value], [result])
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)])
    onnx.helper.set_model_props(model, {SHA256_KEY: load_tokenizer(copy).sha256})
    (copy / INT8_NAME).write_bytes(model.SerializeToString())
    check_refused(copy, "is not of this version of mgv")


def check_refused(folder: Path, reason: str) -> None:
    """Decoding falls back to float32 and says why; asking for int8 is an error."""
    tokenizer = load_tokenizer(folder)
    engine, warning = open_engine(tokenizer)
    assert engine.name == "torch"
    assert warning is not None
    assert warning.startswith("decoded in float32, which is slower")
    assert reason in warning
    with pytest.raises(WeightsError, match=reason):
        open_engine(tokenizer, "int8")


@pytest.mark.parametrize(
    "config", [image_config(CONFIG), replace(MAGVIT_V2, name="big")], ids=lambda c: c.name
)
def test_other_networks_have_none(config: TokenizerConfig, tmp_path: Path) -> None:
    with torch.device("meta"):
        tokenizer = Tokenizer(config)
    with pytest.raises(ValueError, match="only a video tokenizer of kind mgv-s"):
        save_int8_decoder(tokenizer, clips(), tmp_path / INT8_NAME)


def test_without_clips_there_are_no_scales(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clips to calibrate on"):
        save_int8_decoder(load_tokenizer(folder), [], tmp_path / INT8_NAME)
    assert not list(tmp_path.iterdir())


def test_the_best_step_lets_rare_values_go() -> None:
    values = np.linspace(0, 1, 100_001)
    assert best_step(values, 255) == pytest.approx(1 / 255, rel=0.01)
    assert best_step(np.append(values, 1.15), 255) < 1.1 / 255
    assert best_step(np.zeros(5), 255) > 0


def test_weights_are_rounded_within_half_a_step() -> None:
    kernel = np.random.default_rng(0).uniform(-1, 1, (5, 4, 3, 3)) * np.arange(5)[:, None, None, None]
    integers, steps = round_weights(kernel)
    assert np.abs(integers).max() <= MAX_WEIGHT
    assert not integers[0].any()
    error = np.abs(integers * steps[:, None, None, None] - kernel)
    assert (error[1:].max(axis=(1, 2, 3)) < steps[1:] * 2).all()
    assert np.sqrt(np.square(error[1:]).mean(axis=(1, 2, 3)) * 12) == pytest.approx(steps[1:], rel=0.3)


@pytest.mark.parametrize("engine", ["torch", "int8"])
@pytest.mark.parametrize(("shade", "tolerance"), [(0, 1), (128, 3), (200, 4), (240, 6), (255, 1)])
def test_flat_greys_come_out_as_they_are_under_the_shipped_weights(
    engine: EngineName, shade: int, tolerance: int
) -> None:
    tokenizer = load_tokenizer()
    clip = torch.full((1, 3, 5, 64, 64), shade, dtype=torch.uint8)
    ids: np.ndarray = tokenizer.encode(clip, rate_weight=0.15).ids[0].numpy()
    running, _ = open_engine(tokenizer, engine)
    depth = tokenizer.config.bits_per_token
    frames = DecoderStream(tokenizer, 64, 64, depth, engine=running).push(ids)
    assert np.abs(frames.astype(float).mean(axis=(1, 2)) - shade).max() <= tolerance
