"""The networks of `prior` in numpy, as FORMAT.md 5.5.2 and 5.5.3 state them, in any numbers that hold their sums."""

import numpy as np


def predict(network, view, bits, centres, frame, dtype=np.int64):
    """Give places and numbers of spreads of one latent frame, int32 `[h * w, n]` each.

    Args:
        network: a `LayerNetwork`.
        view: its `LayerView`.
        bits: int64 `[D]`, planes of each dimension.
        centres: uint16 `[t, h, w, D]`.
        frame: latent frame.
        dtype: of the numbers in the sums.
    """
    inputs = _inputs(view, bits, centres, frame)
    hidden = _hide(_sums(inputs, network.first, network.first_bias, dtype))
    around = np.pad(hidden, ((1, 1), (1, 1), (0, 0)), mode="edge")
    h, w = inputs.shape[:2]
    windows = np.concatenate([around[y : y + h, x : x + w] for y in range(3) for x in range(3)], axis=2)
    second = network.second.reshape(-1, network.second.shape[-1])
    deeper = _hide(_sums(windows, second, network.second_bias, dtype))
    joined = np.concatenate([deeper, inputs], axis=2)
    sums = _sums(joined, network.last, network.last_bias, dtype).reshape(h * w, -1).astype(np.int32)
    places, spreads = np.split(sums, 2, axis=1)
    return np.clip(places >> 6, -65536, 65536), np.clip(spreads >> 11, -24, 40) + 24


def _inputs(view, bits, centres, frame):
    """Half steps from the middle, and flags."""
    last = len(centres) - 1
    steps = (centres.astype(np.int64) >> 15 - bits) - (1 << bits) - 1
    past = [steps[max(frame - back, 0)][..., view.past] * (frame > 0) for back in (1, 2)]
    known = [steps[min(frame + ahead, last)][..., view.known] for ahead in (0, 1)]
    flags = np.broadcast_to([frame == 0, frame == last], (*steps.shape[1:3], 2))
    return np.concatenate([*past, *known, flags], axis=2)


def _sums(x, weights, bias, dtype):
    return x.astype(dtype) @ weights.astype(dtype) + bias.astype(dtype)


def _hide(sums):
    return np.clip(sums // 1024, 0, 255)
