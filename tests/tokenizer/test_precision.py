"""Training runs in bfloat16 where the machine multiplies it, and in float32 elsewhere."""

import pytest
import torch

from mgv.tokenizer.precision import training_precision


@pytest.mark.parametrize(
    ("gpu", "features", "expected"),
    [
        (True, {}, "bf16"),
        (False, {"avx512_bf16": True, "amx_bf16": False}, "bf16"),
        (False, {"amx_bf16": True}, "bf16"),
        (False, {"avx512_bf16": False, "avx2": True}, "no"),
        (False, {}, "no"),
    ],
)
def test_precision_follows_the_machine(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, features: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert training_precision() == expected
