"""Training of the `prior` coder's networks, quantisation-aware, on the tokens of a tokenizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .layers import Planes
from .prior import train_start_tables
from .prior_kernel import MAX_HIDDEN, MAX_SPREAD, MIN_SPREAD, PLACE_SHIFT, SPREAD_SHIFT, WEIGHT_SHIFT
from .prior_network import EXACT, MARGIN, LayerNetwork, LayerView, PriorNetwork, input_limits, layer_views
from .prior_parameters import PriorParameters

UNIT = 16
"""Half steps in one unit of the float networks, so that their values are near one."""
NUM_GAP_CROPS = 32
"""Places at which `measure_gap` looks, of each segment."""
_MAX_WEIGHT = 31.0
_LARGEST_REACH = 0.99 * EXACT
"""Of a sum in training; what is left is for rounding to integers."""

Report = Callable[[int, int, float], None]
"""Called with the step, the number of steps, and the running bits a token."""


@dataclass(frozen=True)
class PriorTraining:
    """How the networks are trained."""

    steps: int = 4000
    batch_size: int = 16
    crop: int = 16
    """Positions a side that are predicted."""
    width: int = 32
    """Hidden channels of each network."""
    learning_rate: float = 2e-3
    seed: int = 0


class _Floor(torch.autograd.Function):
    """Rounding down to a multiple of 1/scale, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: object, x: Tensor, scale: float) -> Tensor:
        return torch.floor(x * scale) / scale

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _floor(x: Tensor, scale: float) -> Tensor:
    result: Tensor = _Floor.apply(x, scale)  # type: ignore[no-untyped-call]
    return result


class FloatNetwork(nn.Module):
    """What becomes a `LayerNetwork`: the same arithmetic in units of 16 half steps, with gradients."""

    def __init__(self, view: LayerView, width: int) -> None:
        super().__init__()
        self.view = view
        n = len(view.refined)
        self.first = nn.Conv2d(view.num_inputs, width, 1)
        self.second = nn.Conv2d(width, width, 3)
        self.last = nn.Conv2d(width + view.num_inputs, 2 * n, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(_bias(self.last))
        with torch.no_grad():  # start from: as it was in the latent frame before
            for index, dimension in enumerate(view.refined):
                self.last.weight[index, width + int(np.flatnonzero(view.past == dimension)[0])] = 1.0

    def forward(self, x: Tensor, *, exact: bool = True) -> tuple[Tensor, Tensor]:
        """Predict places (half steps) and spreads (natural logarithm of half steps), `[B, n, H - 2, W - 2]` each.

        Args:
            x: float32 `[B, num_inputs, H, W]` in half steps.
            exact: round all as the integer network does; else not at all.
        """
        x = x / UNIT
        hidden = x
        for convolution in (self.first, self.second):
            hidden = self._convolve(convolution, hidden, exact)
            hidden = (_floor(hidden, UNIT) if exact else hidden).clamp(0, MAX_HIDDEN / UNIT)
        inner = x[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
        out = self._convolve(self.last, torch.cat([hidden, inner], dim=1), exact)
        places, spreads = out.chunk(2, dim=1)
        if exact:
            places = _floor(places, UNIT * 2.0 ** (WEIGHT_SHIFT - PLACE_SHIFT))
            spreads = _floor(spreads, UNIT * 2.0 ** (WEIGHT_SHIFT - SPREAD_SHIFT))
        return places * UNIT, spreads.clamp(MIN_SPREAD / 8, MAX_SPREAD / 8)

    def _convolve(self, convolution: nn.Conv2d, x: Tensor, exact: bool) -> Tensor:
        weight: Tensor = convolution.weight
        bias: Tensor = _bias(convolution)
        if exact:
            weight = _floor(weight + 0.5**11, 2.0**WEIGHT_SHIFT).clamp(-_MAX_WEIGHT, _MAX_WEIGHT)
            bias = _floor(bias, UNIT * 2.0**WEIGHT_SHIFT)
        return functional.conv2d(x, weight, bias)

    @torch.no_grad()
    def keep_exact(self, limits: Tensor) -> None:
        """Shrink outputs whose sums could reach `EXACT` once they are integers.

        Args:
            limits: float32 `[num_inputs]`, `input_limits`.
        """
        hidden = limits.new_full((self.second.in_channels,), MAX_HIDDEN)
        for convolution, greatest in (
            (self.first, limits),
            (self.second, hidden),
            (self.last, torch.cat([hidden, limits])),
        ):
            weight, bias = convolution.weight, _bias(convolution)
            reach = torch.einsum("oikl,i->o", weight.abs(), greatest) + bias.abs() * UNIT
            scale = (_LARGEST_REACH / (reach * 2**WEIGHT_SHIFT)).clamp(max=1)
            weight.mul_(scale[:, None, None, None])
            bias.mul_(scale)

    @torch.no_grad()
    def export(self) -> LayerNetwork:
        """Give the parameters as integers."""
        first, first_bias = _integers(self.first)
        second, second_bias = _integers(self.second)
        last, last_bias = _integers(self.last)
        return LayerNetwork(
            np.ascontiguousarray(first[0, 0]),
            first_bias,
            second,
            second_bias,
            np.ascontiguousarray(last[0, 0]),
            last_bias,
        )


def train_prior(
    segments: Sequence[NDArray[np.int64]],
    planes: Planes,
    bit_depths: Sequence[int],
    training: PriorTraining,
    report: Report = lambda step, steps, bits: None,
) -> tuple[PriorParameters, list[FloatNetwork]]:
    """Train the networks, then run them over the segments once to train the start tables.

    Args:
        segments: int64 `[t, h, w]` each, in an order that mixes sources.
        planes: of each token bit.
        bit_depths: token bits known after each layer.
        training: how.
        report: told of every fiftieth step.
    """
    networks = train_networks(segments, planes, bit_depths, training, report)
    layers = tuple(network.export() for network in networks)
    tables = train_start_tables(PriorNetwork(planes, bit_depths, layers), segments, planes)
    return PriorParameters(tuple(bit_depths), layers, tables), networks


def train_tables_alone(
    before: PriorParameters, segments: Sequence[NDArray[np.int64]], planes: Planes, bit_depths: Sequence[int]
) -> PriorParameters:
    """Train the start tables for networks that are there already.

    Those of tokens that had fewer bits in some dimensions will do: what they see is counted from a range's middle.

    Args:
        before: whose networks are kept.
        segments: int64 `[t, h, w]` each, in an order that mixes sources.
        planes: of each token bit.
        bit_depths: token bits known after each layer.

    Raises:
        ValueError: the networks don't fit the tokens.
    """
    tables = train_start_tables(PriorNetwork(planes, bit_depths, before.networks), segments, planes)
    return PriorParameters(tuple(bit_depths), before.networks, tables)


def measure_gap(
    networks: Sequence[FloatNetwork],
    segments: Sequence[NDArray[np.int64]],
    planes: Planes,
    bit_depths: Sequence[int],
) -> tuple[float, float]:
    """Measure what rounding the networks to integers costs: bits a token of the networks alone, before and after.

    Args:
        networks: trained ones, of all layers.
        segments: int64 `[t, h, w]` each, not trained on.
        planes: of each token bit.
        bit_depths: token bits known after each layer.
    """
    values, rng = TokenValues(planes, bit_depths), np.random.default_rng(0)
    totals, num_tokens = [0.0, 0.0], 0
    with torch.no_grad():
        for numbers in map(values.numbers, segments):
            for _ in range(NUM_GAP_CROPS):
                window, first, last = crop_numbers(numbers, PriorTraining.crop, rng)
                flags = np.array([first]), np.array([last])
                num_tokens += PriorTraining.crop**2
                for layer, network in enumerate(networks):
                    for index, exact in enumerate((False, True)):
                        bits = values.bits(network, layer, window[None], *flags, exact=exact)
                        totals[index] += float(bits.sum())
    return totals[0] / num_tokens, totals[1] / num_tokens


def train_networks(
    segments: Sequence[NDArray[np.int64]],
    planes: Planes,
    bit_depths: Sequence[int],
    training: PriorTraining,
    report: Report = lambda step, steps, bits: None,
) -> list[FloatNetwork]:
    """Fit the networks of all layers by the bits that they take for the tokens.

    Args:
        segments: int64 `[t, h, w]` each.
        planes: of each token bit.
        bit_depths: token bits known after each layer.
        training: how.
        report: told of every fiftieth step.
    """
    torch.manual_seed(training.seed)
    rng = np.random.default_rng(training.seed)
    values = TokenValues(planes, bit_depths)
    grids = [values.numbers(ids) for ids in segments]
    share = np.sqrt([float(grid.size) for grid in grids])
    networks = [FloatNetwork(view, training.width) for view in values.views]
    parameters = [parameter for network in networks for parameter in network.parameters()]
    limits = [torch.from_numpy(input_limits(view, values.bits_of)).float() for view in values.views]
    optimizer = torch.optim.AdamW(parameters, lr=training.learning_rate, weight_decay=0.0)
    running = 0.0
    for step in range(training.steps):
        rate = min(1.0, (step + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * step / training.steps))
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * max(rate, 0.01)
        chosen = rng.choice(len(grids), training.batch_size, p=share / share.sum())
        crops = [crop_numbers(grids[index], training.crop, rng) for index in chosen]
        window, first, final = (np.stack(part) for part in zip(*crops, strict=True))
        bits = [values.bits(network, layer, window, first, final) for layer, network in enumerate(networks)]
        loss = sum((item.sum(dim=1).mean() for item in bits), torch.zeros(()))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        for network, limit in zip(networks, limits, strict=True):
            network.keep_exact(limit)
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if step % 50 == 49 or step + 1 == training.steps:
            report(step + 1, training.steps, running)
    return networks


def crop_numbers(
    numbers: NDArray[np.uint16], size: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], bool, bool]:
    """Cut the window that predicts `size` x `size` positions of a random latent frame.

    Returns:
        (`[4, size + 2, size + 2, D]` of the frames z - 2, z - 1, z, z + 1, the nearest where there is none; whether z
        is the first; whether it is the last).
    """
    t, h, w, _ = numbers.shape
    frame = int(rng.integers(t))
    top, left = int(rng.integers(max(h - size, 0) + 1)), int(rng.integers(max(w - size, 0) + 1))
    reach = np.arange(-MARGIN, size + MARGIN)
    frames = np.clip(np.arange(frame - 2, frame + 2), 0, t - 1)
    rows, columns = np.clip(top + reach, 0, h - 1), np.clip(left + reach, 0, w - 1)
    return numbers[np.ix_(frames, rows, columns)], frame == 0, frame == t - 1


class TokenValues:
    """What tokens of given planes and layers say about the values of their dimensions."""

    def __init__(self, planes: Planes, bit_depths: Sequence[int]) -> None:
        self.planes = planes
        self.views = layer_views(planes, bit_depths)
        dimensions = sorted({dimension for dimension, _ in planes})
        self.bits_of = np.array(
            [sum(d == dimension for d, _ in planes) for dimension in dimensions], np.int64
        )
        self.known = np.array(
            [
                [sum(d == dimension for d, _ in planes[:depth]) for dimension in dimensions]
                for depth in (0, *bit_depths)
            ]
        )
        self._numbers = {dimension: index for index, dimension in enumerate(dimensions)}

    def numbers(self, ids: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Give the value number of each dimension, uint16 `[t, h, w, D]`, of ids `[t, h, w]`."""
        numbers = np.zeros((*ids.shape, len(self.bits_of)), np.uint16)
        for bit, (dimension, plane) in enumerate(self.planes):
            index = self._numbers[dimension]
            numbers[..., index] |= (((ids >> bit) & 1) << (self.bits_of[index] - 1 - plane)).astype(np.uint16)
        return numbers

    def bits(
        self,
        network: FloatNetwork,
        layer: int,
        window: NDArray[np.uint16],
        first: NDArray[np.bool_],
        last: NDArray[np.bool_],
        *,
        exact: bool = True,
    ) -> Tensor:
        """Compute the bits that a layer's network takes, float32 `[B, n, H - 2, W - 2]`.

        Args:
            network: of the layer.
            layer: its number.
            window: uint16 `[B, 4, H, W, D]`, from `crop_numbers`.
            first: bool `[B]`, whether the predicted latent frame is the first.
            last: bool `[B]`, whether it is the last.
            exact: see `FloatNetwork.forward`.
        """
        view = self.views[layer]
        places, spreads = network(self._inputs(view, layer, window, first, last), exact=exact)
        numbers = window[:, 2, MARGIN:-MARGIN, MARGIN:-MARGIN][..., view.refined]
        outer = self._edges(numbers, view.refined, self.known[layer])
        inner = self._edges(numbers, view.refined, self.known[layer + 1])
        spread = spreads.exp()
        places = torch.minimum(torch.maximum(places, outer[0] - 12 * spread), outer[1] + 12 * spread)
        nats = _log_mass(*outer, places, spread) - _log_mass(*inner, places, spread)
        return nats / float(np.log(2))

    def _inputs(
        self,
        view: LayerView,
        layer: int,
        window: NDArray[np.uint16],
        first: NDArray[np.bool_],
        last: NDArray[np.bool_],
    ) -> Tensor:
        before, after = self.known[layer], self.known[layer + 1]
        present = ~first[:, None, None, None]
        flags = np.broadcast_to(
            np.stack([first, last], axis=1)[:, None, None, :], (*window.shape[:1], *window.shape[2:4], 2)
        )
        parts = [
            self._centres(window[:, 1], view.past, after) * present,
            self._centres(window[:, 0], view.past, after) * present,
            self._centres(window[:, 2], view.known, before),
            self._centres(window[:, 3], view.known, before),
            flags,
        ]
        return torch.from_numpy(np.concatenate(parts, axis=3, dtype=np.float32)).permute(0, 3, 1, 2)

    def _centres(
        self, numbers: NDArray[np.uint16], dimensions: NDArray[np.int64], known: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        bits = self.bits_of[dimensions]
        hidden = bits - known[dimensions]
        lows = numbers[..., dimensions].astype(np.int64) >> hidden << hidden
        centres: NDArray[np.int64] = 2 * lows + (1 << hidden) - 1 - (1 << bits)
        return centres

    def _edges(
        self, numbers: NDArray[np.uint16], dimensions: NDArray[np.int64], known: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """Give the edges of the cell that `known` planes leave, in half steps."""
        bits = self.bits_of[dimensions]
        hidden = bits - known[dimensions]
        cells = numbers.astype(np.int64) >> hidden
        low = (2 * (cells << hidden) - 1 - (1 << bits)).astype(np.float32)
        high = low + (2 << hidden).astype(np.float32)
        low, high = (np.ascontiguousarray(edge.transpose(0, 3, 1, 2), np.float32) for edge in (low, high))
        return torch.from_numpy(low), torch.from_numpy(high)


def _log_mass(low: Tensor, high: Tensor, place: Tensor, spread: Tensor) -> Tensor:
    """Give the natural logarithm of a logistic distribution's mass between two edges, exact far from its place too."""
    low, high = (low - place) / spread, (high - place) / spread
    mirrored = low + high > 0
    low, high = (
        torch.where(mirrored, -high, low).clamp(-60, 60),
        torch.where(mirrored, -low, high).clamp(-60, 60),
    )
    gap = (low - high).clamp(max=-1e-4)
    return functional.logsigmoid(high) + functional.logsigmoid(-low) + torch.log(-torch.expm1(gap))


def _integers(convolution: nn.Conv2d) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Give the kernel `[rows, columns, in, out]` and the bias as the integer network holds them."""
    weight = torch.floor((convolution.weight + 0.5**11) * 2**WEIGHT_SHIFT)
    weight = weight.clamp(-_MAX_WEIGHT * 2**WEIGHT_SHIFT, _MAX_WEIGHT * 2**WEIGHT_SHIFT)
    bias = torch.floor(_bias(convolution) * UNIT * 2**WEIGHT_SHIFT)
    kernel = np.ascontiguousarray(weight.permute(2, 3, 1, 0).numpy().astype(np.int16))
    return kernel, bias.numpy().astype(np.int32)


def _bias(convolution: nn.Conv2d) -> nn.Parameter:
    bias = convolution.bias
    assert isinstance(bias, nn.Parameter)  # noqa: S101 - made with a bias
    return bias
