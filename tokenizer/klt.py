"""Closed-form Karhunen-Loeve transform of video patches: the linear shortcut from which `mgv-s` starts."""

from dataclasses import dataclass

import numpy as np

CHROMA_WEIGHT = 0.5
"""Chroma is scaled by this before squared errors are taken: half the error in chroma counts a quarter."""

RGB_TO_YCBCR = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736 * CHROMA_WEIGHT, -0.331264 * CHROMA_WEIGHT, 0.5 * CHROMA_WEIGHT],
        [0.5 * CHROMA_WEIGHT, -0.418688 * CHROMA_WEIGHT, -0.081312 * CHROMA_WEIGHT],
    ]
)
"""Full-range BT.601 luma and weighted colour differences of RGB in [-1, 1]."""


@dataclass(frozen=True)
class LinearTransform:
    """Patches to coefficients and back: `z = (p - mean) @ basis`, `p = z @ basis.T + mean`."""

    mean: np.ndarray
    """float64 `[P]`."""
    basis: np.ndarray
    """float64 `[P, D]`, orthonormal columns in order of falling variance."""
    variance: np.ndarray
    """float64 `[D]`, of the coefficients."""


def fit_klt(patches: np.ndarray, num_dimensions: int) -> LinearTransform:
    """Find the orthonormal basis in which `num_dimensions` coefficients leave the least squared error.

    Args:
        patches: float `[N, P]`.
        num_dimensions: coefficients kept.
    """
    return _from_covariance(patches.mean(axis=0), np.cov(patches.T.astype(np.float64)), num_dimensions)


def model_klt(
    strides: tuple[int, int, int],
    num_dimensions: int,
    *,
    correlation: float = 0.97,
    chroma_variance: float = 0.02,
) -> LinearTransform:
    """Give the KLT of a separable first-order Gauss-Markov source, for when there is no video to fit on.

    Args:
        strides: frames, rows, columns of a patch of 3 colour channels.
        num_dimensions: coefficients kept.
        correlation: of samples one pixel or one frame apart.
        chroma_variance: of each chroma channel, luma having 0.25.
    """
    covariance = np.diag([0.25, chroma_variance, chroma_variance])
    for length in strides:
        distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
        covariance = np.kron(covariance, correlation**distance)
    return _from_covariance(np.zeros(len(covariance)), covariance, num_dimensions)


def _from_covariance(mean: np.ndarray, covariance: np.ndarray, num_dimensions: int) -> LinearTransform:
    variance, basis = np.linalg.eigh(covariance)
    order = np.argsort(variance)[::-1][:num_dimensions]
    basis = basis[:, order]
    sign = np.sign(basis.sum(axis=0) + 1e-12)
    return LinearTransform(mean, basis * sign, variance[order])


def order_planes(
    coefficients: np.ndarray, dimension_bits: tuple[int, ...], steps: np.ndarray
) -> tuple[int, ...]:
    """Order the bits of all dimensions by what the next bit saves in squared error for each bit of entropy it costs.

    Args:
        coefficients: float `[N, D]`, a sample.
        dimension_bits: bits of each dimension.
        steps: float `[D]`, quantization steps.

    Returns:
        The dimension of each token bit, coarse to fine (`TokenizerConfig.plane_dimensions`).
    """
    gains: list[list[float]] = []
    for dimension, bits in enumerate(dimension_bits):
        half = 2 ** (bits - 1)
        numbers = (
            np.clip(np.rint(coefficients[:, dimension] / steps[dimension]), -half, half - 1).astype(int)
            + half
        )
        errors, entropies = zip(
            *(
                _cell_cost(coefficients[:, dimension], numbers >> (bits - planes))
                for planes in range(bits + 1)
            ),
            strict=True,
        )
        gains.append(
            [(errors[p] - errors[p + 1]) / max(entropies[p + 1] - entropies[p], 1e-3) for p in range(bits)]
        )
    position = [0] * len(gains)
    order = []
    for _ in range(sum(dimension_bits)):
        open_dimensions = [d for d in range(len(gains)) if position[d] < dimension_bits[d]]
        best = max(open_dimensions, key=lambda d: max(gains[d][position[d] :]))
        order.append(best)
        position[best] += 1
    return tuple(order)


def _cell_cost(values: np.ndarray, cells: np.ndarray) -> tuple[float, float]:
    """Return the squared error around the cell means and the entropy of the cells in bits."""
    count = np.bincount(cells).astype(np.float64)
    total = np.bincount(cells, weights=values)
    mean = total / np.maximum(count, 1)
    probability = count[count > 0] / len(cells)
    return float(np.square(values - mean[cells]).mean()), float(-(probability * np.log2(probability)).sum())
