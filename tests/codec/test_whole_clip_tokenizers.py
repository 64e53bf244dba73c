"""Tokenizers that take a clip as a whole code no video as it comes, and say so."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import OptionError, export_tokens, import_tokens
from mgv.tokenizer import Tokenizer
from mgv.tokenizer.config import MagvitNetwork, TokenizerConfig

ClipMaker = Callable[..., Path]


@pytest.fixture(params=["magvit", "magvit-v2"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    kind, dimension_bits = request.param, (4,) if request.param == "magvit" else (1, 1, 1, 1)
    order = (0, 0, 0, 0) if kind == "magvit" else (0, 1, 2, 3)
    network = MagvitNetwork(32, (1, 1, 1, 1), 1, 8 if kind == "magvit" else 4)
    return Tokenizer(TokenizerConfig("flat", kind, (4, 8, 8), dimension_bits, order, (4,), network))


def test_they_encode_none(tokenizer: Tokenizer, make_clip: ClipMaker, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=f"a {tokenizer.config.kind} tokenizer takes a clip as a whole"):
        mgv.encode(make_clip(num_frames=2), tmp_path / "out.mgv", model=tokenizer)
    assert not list(tmp_path.glob("out.mgv*"))


def test_they_decode_none(
    tokenizer: Tokenizer, make_clip: ClipMaker, tiny_model: Path, tmp_path: Path
) -> None:
    mgv.encode(make_clip(num_frames=1), tmp_path / "tiny.mgv", model=tiny_model, coder="raw")
    export_tokens(tmp_path / "tiny.mgv", tmp_path / "tiny.npz", model=tiny_model)
    with np.load(tmp_path / "tiny.npz") as loaded:
        arrays = dict(loaded)
    header = json.loads(str(arrays["header"]))
    header |= {"tokenizer_sha256": tokenizer.sha256, "bits_per_token": 4, "bit_depths": [4]}
    arrays |= {"header": np.array(json.dumps(header)), "ids_0": arrays["ids_0"] & 15, "bit_depth_0": 4}
    np.savez(tmp_path / "foreign.npz", **arrays)
    import_tokens(tmp_path / "foreign.npz", tmp_path / "foreign.mgv", model=tokenizer, coder="raw")
    with pytest.raises(OptionError, match=f"a {tokenizer.config.kind} tokenizer takes a clip as a whole"):
        mgv.decode(tmp_path / "foreign.mgv", tmp_path / "out.y4m", model=tokenizer)
    assert not list(tmp_path.glob("out.y4m*"))
