"""Which arithmetic gradients are taken in."""

from typing import Literal

import torch


def training_precision() -> Literal["bf16", "no"]:
    """Choose `accelerate`'s mixed precision: bfloat16 on GPUs and on CPUs that multiply it natively, else float32."""
    if torch.cuda.is_available():
        return "bf16"
    features = torch.cpu.get_capabilities()
    return "bf16" if features.get("avx512_bf16") or features.get("amx_bf16") else "no"
