"""Encoding with a search for better tokens: what it gives, what it leaves as it was, what it refuses."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import mgv
from mgv.codec import OptionError
from mgv.tokenizer import Tokenizer, load_tokenizer

ClipMaker = Callable[..., Path]


@pytest.fixture
def model(tiny_model: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    """A tokenizer whose decoder takes a fifth off each latent; steps as for the linear decoder that it is."""
    monkeypatch.setattr("mgv.tokenizer.latent_search.WAY", 1.8)
    tokenizer = load_tokenizer(str(tiny_model))
    with torch.no_grad():
        tokenizer.decoder.shortcut.weight.mul_(0.8)
    return tokenizer


def encoded(source: Path, model: Tokenizer, **options: int) -> bytes:
    file = io.BytesIO()
    mgv.encode(str(source), file, model=model, **options)
    return file.getvalue()


def pictures(data: bytes, path: Path, model: Tokenizer) -> NDArray[np.float64]:
    path.write_bytes(data)
    with mgv.open(path, model=model) as video:
        return np.stack([frame.rgb for frame in video.frames()]).astype(float)


@pytest.mark.usefixtures("short_segments")
def test_files_decode_to_better_pictures(
    make_clip: ClipMaker, read_all: Callable[[Path], Any], model: Tokenizer, tmp_path: Path
) -> None:
    """Over two segments, the last of which does not fill its last latent frame, at a size that is no multiple of 8."""
    clip = make_clip(num_frames=40, size=(60, 44))
    source = read_all(clip).pictures.astype(float)

    def error(effort: int) -> float:
        decoded = pictures(encoded(clip, model, effort=effort), tmp_path / f"{effort}.mgv", model)
        return float(np.square(decoded - source).mean())

    plain, searched = error(0), error(4)
    assert searched < 0.9 * plain


def test_no_effort_is_the_default_and_an_effort_gives_the_same_bytes_each_time(
    make_clip: ClipMaker, model: Tokenizer
) -> None:
    clip = make_clip(num_frames=12)
    plain, same = encoded(clip, model), encoded(clip, model, effort=0)
    assert plain == same
    first, second = (encoded(clip, model, effort=2) for _ in range(2))
    assert first == second
    assert first != plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effort": -1}, "effort is -1, expected 0..20"),
        ({"effort": 21}, "effort is 21, expected 0..20"),
        ({"effort": 1, "size": 100000}, "effort and size are given; effort goes with a quality only"),
    ],
)
def test_wrong_use_is_refused(
    options: dict[str, int], message: str, make_clip: ClipMaker, model: Tokenizer
) -> None:
    with pytest.raises(OptionError, match=message):
        encoded(make_clip(), model, **options)
