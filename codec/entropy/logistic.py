"""Integer tables of the logistic curve and of adaptation rates: all that the adaptive coder takes for granted."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

LIMIT = 2816
"""Largest log-odds, in units of 1/256 nat: 11 nats, a probability of 1.09/65536."""

_ONE = 1 << 32
_STEP = 4_311_777_322
"""e**(1/256) in units of 2**-32, rounded down."""


@cache
def squash_table() -> NDArray[np.int64]:
    """Tabulate the probability of a 1 for log-odds -LIMIT..LIMIT; inverse: `stretch_table`.

    E(0) = 2**32 and E(x+1) = E(x) * 4311777322 >> 32 grow as e**(x/256), in integers of any size; for x >= 0 the entry
    is the rounded 65536 * E / (E + 2**32), at most 65535, and for -x it is 65536 less that.

    Returns:
        int64 `[2 * LIMIT + 1]`, each in [1, 65535], never falling.
    """
    table = np.empty(2 * LIMIT + 1, np.int64)
    power = _ONE
    for x in range(LIMIT + 1):
        total = power + _ONE
        probability = min((65536 * power + total // 2) // total, 65535)
        table[LIMIT + x] = probability
        table[LIMIT - x] = 65536 - probability
        power = power * _STEP >> 32
    return table


@cache
def stretch_table() -> NDArray[np.int64]:
    """Tabulate log-odds for probabilities p = 0..65535 of 65536.

    From 32768 up, the least x whose `squash_table` entry is no smaller than p; below, the negative of that for
    65536 - p; for 0 as for 1.

    Returns:
        int64 `[65536]`.
    """
    upper = np.searchsorted(squash_table(), np.arange(1 << 15, 1 << 16)) - LIMIT
    lower = -upper[:0:-1]
    return np.concatenate([lower[:1], lower, upper])


@cache
def rate_table() -> NDArray[np.int64]:
    """Tabulate how far, in 1/65536, a counter that has seen n = 0..255 bits moves to the next: 655360 // (10n + 16)."""
    return 655360 // (10 * np.arange(256, dtype=np.int64) + 16)


@cache
def bend_table() -> NDArray[np.int64]:
    """Tabulate ln(1 + e**-x), by which softplus differs from its asymptotes, for x = 0..LIMIT; all in 1/256.

    Softplus is the integral of the logistic curve, so each entry is the sum, by the trapezoidal rule, of what the
    `squash_table` leaves to 65536 from x on, rounded.

    Returns:
        int64 `[LIMIT + 1]`, falling from 177 to 0.
    """
    rest = 65536 - squash_table()[LIMIT:]
    beyond = np.cumsum(rest[::-1])[::-1] - rest
    return rest + 2 * beyond + (1 << 16) >> 17
