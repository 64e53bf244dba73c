"""The bench of our own stages: every stage is measured, and what comes out is the whole clip."""

import mmap
from pathlib import Path

import pytest

from mgv.codec import OptionError
from mgv.eval.bench.stages import (
    STAGES,
    StageMeter,
    as_markdown,
    measure_sizes,
    measure_stages,
    parse_sizes,
)


def test_all_stages_of_a_clip_of_two_segments(
    make_clip, tiny_model: Path, short_segments: None, one_thread: None
) -> None:
    source = make_clip(num_frames=40)
    results = measure_stages(source, str(tiny_model), 1)
    assert [result.stage for result in results] == list(STAGES)
    assert {(r.width, r.height, r.num_frames) for r in results} == {(64, 48, 40)}
    assert all(result.seconds > 0 for result in results)
    assert all(result.peak_bytes is None or result.peak_bytes > 50 << 20 for result in results)
    assert as_markdown(results).count("| 64x48 | 40 |") == len(STAGES)
    with pytest.raises(OptionError, match=r"quality is 9, expected 0\.\.2"):
        measure_stages(source, str(tiny_model), 9)


def test_sizes_and_lengths_each_in_a_process_of_its_own(make_clip, tiny_model: Path) -> None:
    done: list[bool] = []
    source = make_clip(num_frames=6)
    results = measure_sizes(source, [(32, 16)], [9], str(tiny_model), None, lambda: done.append(True))
    assert {(r.width, r.height, r.num_frames) for r in results} == {(32, 16, 9)}  # 6 frames, repeated
    assert done == [True]


def test_the_meter_adds_up_and_knows_the_peak_of_each_stage() -> None:
    meter = StageMeter()
    for _ in range(2):
        with meter.at("read"), mmap.mmap(-1, 96 << 20) as block:  # the heap may have as much lying free
            for offset in range(0, len(block), 4096):
                block[offset] = 1
    with meter.at("write"):
        pass
    assert meter.seconds["read"] > meter.seconds["write"] > 0
    if "read" in meter.peaks:
        assert meter.peaks["read"] > meter.peaks["write"] + (64 << 20)


def test_sizes_as_text() -> None:
    assert parse_sizes("240p, 360p,720p,100x50") == [(426, 240), (640, 360), (1280, 720), (100, 50)]
    with pytest.raises(OptionError, match="expected WIDTHxHEIGHT or lines"):
        parse_sizes("hd")
