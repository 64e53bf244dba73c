"""Which weights these are: a hash that no device and no precision above fp16 changes."""

import hashlib

import torch
from torch import nn


def weights_sha256(model: nn.Module) -> str:
    """Give SHA-256 over the fp16 tensors of a model in name order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().to("cpu", torch.float16).numpy().tobytes())
    return digest.hexdigest()
