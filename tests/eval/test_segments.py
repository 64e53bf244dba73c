"""The benches of segments: lengths, seams, and content that stands still."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import encode
from mgv.codec import open as open_mgv
from mgv.eval.bench import segments, still
from mgv.tokenizer import load_tokenizer
from mgv.tools.cli import run

ClipMaker = Callable[..., Path]


def test_jumps_at_seams_are_told_from_those_elsewhere() -> None:
    source = np.zeros((7, 4, 4), np.float32)
    source[5:] = 1  # the source itself moves by 1 here, inside a segment
    decoded = source + np.array([0, 0, 0, 5, 5, 5, 8], np.float32)[:, None, None]
    assert segments.jumps(source, decoded, 3) == (pytest.approx(4.0), 0.0)
    assert segments.jumps(source[:3], decoded[:3], 3) == (None, 0.0)
    assert segments.jumps(source[2:4], decoded[2:4], 1) == (5.0, None)


@pytest.mark.parametrize(("num_frames", "expected"), [(1, [0, 0, 0]), (3, [0, 1, 2, 1, 0, 1]), (4, [0, 1])])
def test_a_short_clip_is_played_back_and_forth(
    make_clip: ClipMaker, num_frames: int, expected: list[int]
) -> None:
    clip = make_clip(num_frames=num_frames)
    frames = segments.read_back_and_forth(clip, len(expected))
    whole = segments.read_back_and_forth(clip, num_frames)
    np.testing.assert_array_equal(frames, whole[expected])


def test_a_segment_costs_what_encode_writes(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> None:
    clip, coded = make_clip(num_frames=13), tmp_path / "clip.mgv"
    encode(clip, coded, model=tiny_model, coder="raw")
    tokenizer = load_tokenizer(str(tiny_model))
    (result,) = segments.measure_lengths([clip], [13], tokenizer, 0.0, "raw")
    with open_mgv(coded, model=str(tiny_model)) as video:
        ids = video.tokens(0).ids[0].numpy()
    assert result.num_bytes == sum(ids.size * bits // 8 for bits in (5, 5, 10)) == 480
    frames = segments.read_back_and_forth(clip, 13)
    assert segments.tokenize_segment(frames[:10], tokenizer, 0.0).shape == (4, *ids.shape[1:])
    decoded = segments.code_segment(
        frames[:10], tokenizer, segments.open_coder("raw", tokenizer), 0.0
    ).decoded
    assert decoded.shape == (10, *frames.shape[1:])


def test_the_table_of_lengths(
    make_clip: ClipMaker, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(make_clip(num_frames=12))
    assert run(["bench-segments", clip, "-n", "9", "-n", "5", "--model", str(tiny_model)]) == 0
    rows = [row.split(" | ") for row in capsys.readouterr().out.splitlines()[2:]]
    assert [(row[0], row[1]) for row in rows] == [
        ("| clip.mkv", "5"),
        ("| clip.mkv", "9"),
        ("| **mean of 1**", "5"),
        ("| **mean of 1**", "9"),
    ]
    assert float(rows[1][2]) < float(rows[0][2])
    assert rows[1][4] == "-"
    assert run(["bench-segments", clip, "-n", "8", "--model", str(tiny_model)]) == 2


def test_a_still_picture_costs_little_beyond_its_first_frame(tiny_model: Path, tmp_path: Path) -> None:
    from PIL import Image

    photograph = tmp_path / "photograph.png"
    Image.fromarray(next(still.moving_cursor(1))).resize((96, 80)).save(photograph)
    made = still.contents(photograph, 270)
    assert set(made) > set(still.contents(None, 1))
    tokenizer = load_tokenizer(str(tiny_model))
    (result,) = still.measure_still(made["photograph"], "photograph", [0.0], tokenizer)
    (nominal,) = still.measure_still(
        still.contents(photograph, 270)["photograph"], "photograph", [0.0], tokenizer, watch=False
    )
    assert (result.num_segments, nominal.num_segments) == (2, 3)
    assert result.seconds == 10.8
    assert result.num_bytes < 0.75 * nominal.num_bytes
    assert result.bytes_per_second_beyond < 0.2 * result.bytes_per_second


def test_drawn_content_is_what_its_name_says() -> None:
    rows = list(islice(still.scrolling_text(3), 3))
    np.testing.assert_array_equal(rows[2][:-2], rows[0][2:])
    first, second = still.moving_cursor(2)
    assert 0 < np.any(first != second, axis=-1).sum() < 600
    picture = np.full((64, 64, 3), 128, np.uint8)
    noise = np.stack(list(still.noisy(picture, 2))).astype(float) - 128
    assert np.std(noise) == pytest.approx(2, abs=0.1)
    assert not np.array_equal(noise[0], noise[1])


def test_the_table_of_still_content(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench-still", "--seconds", "1", "--rate-weight", "0.2", "--model", str(tiny_model)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[:3] for row in rows[2:]] == [
        ["| page, cursor moves", "0.2", "1"],
        ["| page, text scrolls", "0.2", "1"],
    ]
