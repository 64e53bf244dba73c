"""The bench of entropy coders: every coder gives back the tokens, and the figures are those of the payloads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mgv.codec import OptionError, encode
from mgv.codec.models import available_coders
from mgv.eval.bench.coders import as_markdown, measure_coders, read_tokens

pytestmark = pytest.mark.usefixtures("short_segments")


@pytest.fixture
def coded(tmp_path: Path, tiny_model: Path, make_clip: Callable[..., Path]) -> Path:
    target = tmp_path / "clip.mgv"
    encode(make_clip(num_frames=40), target, model=str(tiny_model))
    return target


def test_raw_costs_its_bits_and_adaptive_fewer(coded: Path, tiny_model: Path) -> None:
    tokenizer, grids = read_tokens([coded, coded], str(tiny_model))
    assert [grid.shape for grid in grids] == [(9, 6, 8), (3, 6, 8)] * 2
    results = {result.coder: result for result in measure_coders(tokenizer, grids)}
    assert tuple(results) == available_coders(tokenizer) == ("raw", "zstd", "adaptive")
    depths = tokenizer.config.bit_depths
    for depth in depths:
        assert depth <= results["raw"].bits_per_token[depth] < depth * 1.05
    assert results["adaptive"].num_bytes < 0.7 * results["raw"].num_bytes
    tokens = sum(grid.size for grid in grids)
    for result in results.values():
        assert result.bits_per_token[depths[-1]] == pytest.approx(8 * result.num_bytes / tokens)
        assert result.decode_mbit_per_second > 0
    assert len(as_markdown(list(results.values())).splitlines()) == 2 + len(results)


def test_a_file_of_fewer_layers_is_refused(
    tmp_path: Path, tiny_model: Path, make_clip: Callable[..., Path]
) -> None:
    target = tmp_path / "thin.mgv"
    encode(make_clip(num_frames=5), target, model=str(tiny_model), quality=0)
    with pytest.raises(OptionError, match="bits"):
        read_tokens([target], str(tiny_model))
