"""Vector quantization: nearest code, straight-through gradient, the two losses."""

import pytest
import torch

from mgv.tokenizer import vq
from mgv.tokenizer.vq import VectorQuantizer


@pytest.fixture
def quantizer() -> VectorQuantizer:
    quantizer = VectorQuantizer(num_codes=3, dimension=2)
    quantizer.codebook.data = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0]])
    return quantizer


def latent_of(*vectors: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(vectors).T.reshape(1, 2, 1, 1, len(vectors))


def test_takes_the_nearest_code(quantizer: VectorQuantizer) -> None:
    ids = quantizer.quantize(latent_of((0.9, 0.1), (1.1, 0.1), (1.0, 3.0)))
    assert ids.flatten().tolist() == [0, 1, 2]
    assert quantizer.quantize(latent_of((1.0, 0.0))).item() == 0, "of equals the first"


def test_dequantize_looks_up_and_quantize_inverts_it(quantizer: VectorQuantizer) -> None:
    ids = torch.tensor([2, 0, 1, 1]).reshape(1, 1, 2, 2)
    latent = quantizer.dequantize(ids)
    assert latent.shape == (1, 2, 1, 2, 2)
    assert latent[0, :, 0, 0, 0].tolist() == [0.0, 4.0]
    assert torch.equal(quantizer.quantize(latent), ids)


def test_losses_by_hand(quantizer: VectorQuantizer) -> None:
    out = quantizer(latent_of((1.5, 0.0), (0.0, 3.0)))
    expected = (0.5**2 + 1.0**2) / 4
    assert out.codebook_loss.item() == pytest.approx(expected)
    assert out.commitment_loss.item() == pytest.approx(expected)


def test_each_gradient_goes_where_it_should(quantizer: VectorQuantizer) -> None:
    latent = latent_of((1.5, 0.0)).requires_grad_(True)
    out = quantizer(latent)
    assert out.quantized.flatten().tolist() == [2.0, 0.0]
    (through,) = torch.autograd.grad(out.quantized.sum(), latent, retain_graph=True)
    assert through.flatten().tolist() == [1.0, 1.0]
    (codes,) = torch.autograd.grad(out.codebook_loss, quantizer.codebook, retain_graph=True)
    assert codes.tolist() == [[0.0, 0.0], [0.5, 0.0], [0.0, 0.0]]
    (pull,) = torch.autograd.grad(out.commitment_loss, latent)
    assert pull.flatten().tolist() == [-0.5, 0.0]


def test_the_size_of_the_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    quantizer, latent = VectorQuantizer(16, 4), torch.randn(2, 4, 3, 5, 7)
    whole = quantizer.quantize(latent)
    monkeypatch.setattr(vq, "CHUNK_POSITIONS", 17)
    assert torch.equal(quantizer.quantize(latent), whole)
