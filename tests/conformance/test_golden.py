"""Golden files decode to what they always did: tokens to the bit, times to the tick, pictures within a bound."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance.independent_motion import read_motion
from conformance.recipes.expected import psnr_db, tokens_sha256
from conformance.recipes.golden import CODERS, dump_info, recipes
from conformance.recipes.scenes import SCENES, pictures

import mgv
from mgv.codec.entropy import CODER_NAMES
from mgv.codec.token_stream import SegmentTokens
from mgv.container import Reader, TimedSegment, Timing
from mgv.tools.cli import run

HERE = Path(__file__).parent
Facts = dict[str, dict[str, Any]]
TokensOf = Callable[[Path], list[SegmentTokens]]


def test_there_are_golden_files_of_every_coder(expected: Facts) -> None:
    names = {path.stem for path in (HERE / "golden").glob("*.mgv")}
    assert names == set(expected) == set(recipes())
    assert CODERS == CODER_NAMES
    assert {facts["coder"] for facts in expected.values()} == set(CODER_NAMES)


def test_a_golden_file_is_the_one_that_was_made(golden: Path, expected: Facts) -> None:
    assert hashlib.sha256(golden.read_bytes()).hexdigest() == expected[golden.stem]["file_sha256"]


def test_tokens_are_identical(golden: Path, expected: Facts, tokens_of: TokensOf) -> None:
    found = tokens_sha256((tokens.ids, tokens.bit_depth) for tokens in tokens_of(golden))
    assert found == expected[golden.stem]["tokens_sha256"]


@pytest.mark.parametrize("scene", SCENES)
def test_every_coder_has_the_same_tokens(scene: str, expected: Facts) -> None:
    assert len({expected[f"{scene}-{coder}"]["tokens_sha256"] for coder in CODERS}) == 1


def test_pictures_times_and_sizes(golden: Path, expected: Facts, model: Path) -> None:
    facts = expected[golden.stem]
    with mgv.open(golden, model=model) as video:
        frames = list(video.frames())
    assert [frame.pts for frame in frames] == facts["pts"]
    assert len(frames) == facts["num_frames"]
    rgb = np.stack([frame.rgb for frame in frames])
    assert rgb.shape == (facts["num_frames"], facts["height"], facts["width"], 3)
    assert psnr_db(rgb, pictures(SCENES[facts["scene"]])) >= facts["least_psnr_db"]


def test_views_say_where_frames_are_cut_out(model: Path) -> None:
    """By the formula of FORMAT.md 3.4.1, pixel by pixel, the nearest one taken."""
    with mgv.open(HERE / "golden" / "moving-raw.mgv", model=model) as video:
        coded = np.stack([frame.rgb for frame in video.frames()])
    with mgv.open(HERE / "golden" / "views-raw.mgv", model=model) as video:
        frames = np.stack([frame.rgb for frame in video.frames()])
        views = np.concatenate([video.views(number) for number in range(video.num_segments)])
    assert 0 < np.count_nonzero(views.any(axis=1)) < len(frames)
    height, width = frames.shape[1:3]
    z = (np.arange(width) + 0.5 - width / 2) + 1j * (np.arange(height) + 0.5 - height / 2)[:, None]
    for frame, picture, (x, y, grow, twist) in zip(frames, coded, views, strict=True):
        place = (1 + complex(grow, twist) / (8 * max(width, height) / 2)) * z + complex(x, y) / 8
        assert psnr_db(frame, shown_at(picture, place)) > 28
        if x:
            assert psnr_db(frame, picture) < 24


def test_motion_is_undone(model: Path) -> None:
    """By the formula of FORMAT.md 3.4.2, pixel by pixel, the nearest one taken."""
    with mgv.open(HERE / "golden" / "moving-raw.mgv", model=model) as video:
        coded = np.stack([frame.rgb for frame in video.frames()])
    with mgv.open(HERE / "golden" / "motion-raw.mgv", model=model) as video:
        frames = np.stack([frame.rgb for frame in video.frames()])
        motion = [read_motion(timing.motion) for timing in timings(HERE / "golden" / "motion-raw.mgv")]
        assert [video.motion(number).tolist() for number in range(2)] == [
            [[[list(cell) for cell in row] for row in group] for group in segment] for segment in motion
        ]
        views = [video.views(number) for number in range(2)]
        stride, first = video.info.header.strides[0], np.cumsum([0, *map(len, views)])
    height, width = frames.shape[1:3]
    num_moved = 0
    for number, groups in enumerate(motion):
        for group, vectors in enumerate(groups):
            for k in range(1, stride + 1):
                inside = group * stride + k
                frame = first[number] + inside
                if inside >= len(views[number]) or not np.any(vectors):
                    continue
                x, y, grow, twist = views[number][inside]
                z = (np.arange(width) + 0.5 - width / 2) + 1j * (np.arange(height) + 0.5 - height / 2)[
                    :, None
                ]
                point = (1 + complex(grow, twist) / (8 * max(width, height) / 2)) * z + complex(x, y) / 8
                found = point
                for _ in range(20):
                    found = point - (k - (stride + 1) / 2) * between(
                        np.array(vectors) / 2, found, (width, height)
                    )
                assert psnr_db(frames[frame], shown_at(coded[frame], found)) > 28
                if abs(k - (stride + 1) / 2) > 1:
                    assert psnr_db(frames[frame], shown_at(coded[frame], point)) < 24
                num_moved += 1
    assert num_moved > 8


def shown_at(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Look up the nearest pixels of points from the middle."""
    height, width = picture.shape[:2]
    columns = np.clip(np.floor(points.real + width / 2), 0, width - 1).astype(int)
    rows = np.clip(np.floor(points.imag + height / 2), 0, height - 1).astype(int)
    return picture[rows, columns]


def timings(path: Path) -> list[Timing]:
    reader = Reader(io.BytesIO(path.read_bytes()))
    return [event.timing for event in reader.events() if isinstance(event, TimedSegment)]


def between(vectors: np.ndarray, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Interpolate bilinearly between the middles of cells."""
    rows, columns = vectors.shape[:2]
    row = np.clip((points.imag / size[1] + 0.5) * rows - 0.5, 0, rows - 1)
    column = np.clip((points.real / size[0] + 0.5) * columns - 0.5, 0, columns - 1)
    top, left = (np.clip(np.floor(each), 0, None).astype(int) for each in (row, column))
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    down, along = row - top, column - left
    field = vectors[..., 0] + 1j * vectors[..., 1]
    upper = field[top, left] * (1 - along) + field[top, right] * along
    lower = field[bottom, left] * (1 - along) + field[bottom, right] * along
    return upper * (1 - down) + lower * down


@pytest.mark.parametrize("scene", SCENES)
def test_the_bound_of_the_pictures_can_fail(scene: str, expected: Facts) -> None:
    reference = pictures(SCENES[scene])
    assert psnr_db(reference, np.flip(reference, axis=2)) < expected[f"{scene}-raw"]["least_psnr_db"]


def test_info_is_the_text_that_is_written_down(golden: Path) -> None:
    """After a wanted change of `mgv info --json`: python tests/make_vectors.py --dumps."""
    dump = (HERE / "info" / f"{golden.stem}.json").read_text("utf-8")
    assert json.loads(dump_info(golden)) == json.loads(dump)


def test_verify_finds_nothing_wrong(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(golden)]) == 0
    assert ": whole, " in capsys.readouterr().out


def test_together_they_show_everything(expected: Facts) -> None:
    shown = set()
    for name in expected:
        with (HERE / "golden" / f"{name}.mgv").open("rb") as file:
            reader = Reader(file)
            segments = [item for item in reader.items() if isinstance(item, TimedSegment)]
        header = reader.header
        shown |= {f"chunk {kind}" for kind in reader.bytes_by_chunk}
        shown |= {
            what
            for what, is_shown in {
                "several segments": len(segments) > 1,
                "one frame": reader.num_frames == 1,
                "a last segment that is shorter": segments[-1].segment.num_frames < header.segment_frames,
                "odd sizes": header.width % 8 and header.height % 8,
                "a coded size below the source's": header.coded_width < header.width,
                "a coded size above the source's": header.coded_width > header.width,
                "rotation": header.rotation_degrees,
                "sample aspect": header.sample_aspect != 1,
                "a start before zero": header.start_pts < 0,
                "uneven times": any(not item.timing.is_nominal(header.tick) for item in segments),
                "audio": len(reader.audio_headers) > 1,
                "metadata": reader.metadata,
                "a thinned file": header.bit_depths[-1] < header.bits_per_token,
                "fewer layers than HEAD": any(
                    len(item.segment.layers) < len(header.bit_depths) for item in segments
                ),
                "a higher minor version": header.version[1] > 0,
                "trained tables": any(header.coder_sha256),
                "untrained tables": header.coder == 2 and not any(header.coder_sha256),
            }.items()
            if is_shown
        }
    assert shown == {
        *(f"chunk {kind}" for kind in ("HEAD", "META", "AHDR", "TIME", "SEGM", "APKT", "INDX", "END")),
        *("chunk signature", "chunk xyza", "chunk xyzA", "chunk q0 z", "chunk qrst", "chunk nEWc"),
        *("several segments", "one frame", "a last segment that is shorter", "odd sizes", "rotation"),
        *("a coded size below the source's", "a coded size above the source's", "sample aspect"),
        *("a start before zero", "uneven times", "audio"),
        *("metadata", "a thinned file", "fewer layers than HEAD", "a higher minor version"),
        *("trained tables", "untrained tables"),
    }
