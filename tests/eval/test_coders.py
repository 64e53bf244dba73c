"""The bench of entropy coders: every coder gives back the tokens, and the figures are those of the payloads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mgv.codec import encode
from mgv.codec.info import read_info
from mgv.codec.models import available_coders
from mgv.eval.bench.coders import as_markdown, measure_coders
from mgv.tokenizer import load_tokenizer

pytestmark = pytest.mark.usefixtures("short_segments")


def test_raw_costs_its_bits_and_adaptive_fewer(
    tmp_path: Path, tiny_model: Path, make_clip: Callable[..., Path]
) -> None:
    clip, tokenizer = make_clip(num_frames=40), load_tokenizer(tiny_model)
    results = {result.coder: result for result in measure_coders([clip], tokenizer)}
    assert tuple(results) == available_coders(tokenizer) == ("raw", "zstd", "adaptive")
    depths = tokenizer.config.bit_depths
    for depth in depths:
        assert depth <= 8 * results["raw"].layer_bytes[depth] / results["raw"].num_tokens < depth * 1.05
    for name, result in results.items():
        assert result.clip == clip.name
        assert result.num_tokens == 12 * 6 * 8
        encode(clip, tmp_path / name, model=tiny_model, coder=name)
        assert result.file_bytes == read_info(tmp_path / name).video_bytes
        for alone, whole in zip(result.coder_seconds, result.whole_seconds, strict=True):
            assert 0 < alone < whole
    assert results["adaptive"].layer_bytes[depths[-1]] < 0.7 * results["raw"].layer_bytes[depths[-1]]

    twice = replace(results["raw"], clip="other", coder_seconds=(1.0, 2.0), whole_seconds=(4.0, 5.0))
    again = replace(twice, coder="zstd", file_bytes=twice.file_bytes // 4)
    rows = as_markdown([results["raw"], twice, results["zstd"], again]).splitlines()
    assert len(rows) == 4
    share = (results["zstd"].file_bytes / results["raw"].file_bytes + again.file_bytes / twice.file_bytes) / 2
    assert f"| {share:.3f} |" in rows[3]
