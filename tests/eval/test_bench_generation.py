"""The bench of ways to generate, with ways whose results are known."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mgv.eval.bench.generation import Method, as_json, as_markdown, measure_methods
from mgv.eval.metrics.window_features import LatentWindows
from mgv.tokenizer import load_tokenizer


@dataclass(frozen=True)
class SomeCase:
    ids: np.ndarray
    clip: str
    given: np.ndarray
    kept: np.ndarray
    task: str = "CG"
    bit_depth: int = 20


class Way:
    """Counts a pass for each of so many tokens; the truth, or all tokens 0."""

    def __init__(self, tokens_a_pass: int, *, is_right: bool) -> None:
        self.passes, self.tokens_a_pass, self.is_right = 0, tokens_a_pass, is_right

    def fill(self, case: SomeCase) -> np.ndarray:
        self.passes += case.ids.size // self.tokens_a_pass
        return case.ids if self.is_right else np.zeros_like(case.ids)

    def method(self, name: str, num_windows: int) -> Method:
        return Method(name, self.fill, lambda: self.passes, num_windows)


def test_passes_tokens_and_quality(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    nothing = np.zeros((5, 16, 16), bool), np.zeros((2, 2, 2), bool)
    random = np.random.default_rng(0)
    cases = [SomeCase(random.integers(1 << 20, size=(2, 2, 2)), clip, *nothing) for clip in "abc"]
    ways = [Way(8, is_right=True).method("right", 3), Way(1, is_right=False).method("wrong", 2)]
    right, wrong = measure_methods(cases, ways, tokenizer, LatentWindows(tokenizer))
    assert (right.num_windows, right.num_tokens, right.num_passes) == (3, 24, 3)
    assert (wrong.num_windows, wrong.num_tokens, wrong.num_passes) == (2, 16, 16)
    assert right.psnr_db.mean == right.psnr_shared_db == 100
    assert wrong.psnr_db.mean == wrong.psnr_shared_db < 40
    assert right.frechet == pytest.approx(0, abs=1e-3)
    assert wrong.frechet is None  # it did not fill all
    table = as_markdown([right, wrong], {"threads": 1}).splitlines()
    assert [cell.strip() for cell in table[2].split("|")][1:4] == ["right", "3", "1.0"]
    assert [cell.strip() for cell in table[3].split("|")][-2] == "-"
    assert table[-1] == "threads: 1"
    facts = json.loads(as_json([right, wrong], {"threads": 1}))
    assert facts["threads"] == 1
    assert facts["methods"][1]["tokens_per_second"] == pytest.approx(16 / wrong.seconds)
