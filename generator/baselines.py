"""Baselines without a network: what statistics of training tokens alone predict."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from .subvocabulary import SubVocabularies
from .window import Condition, TokenWindow

Ids = NDArray[np.int64]
Bits = NDArray[np.float32]

POSITION_WEIGHTS = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
"""Windows that the frequencies of a whole latent frame may count for beside those of one position."""


class PositionFrequencies:
    """How often each word of each sub-vocabulary stands at each position `(t, h, w)` of a window.

    Counts at a position are smoothed by the frequencies of its latent frame, which are smoothed by add-one. How much
    the position counts is fitted for each sub-vocabulary: the weight that predicts one half of the windows best from
    the other.
    """

    def __init__(self, windows: Sequence[TokenWindow], vocabularies: SubVocabularies) -> None:
        """Count.

        Args:
            windows: of one shape and bit depth, in an order in which those of one file stand together.
            vocabularies: how their tokens are factorised.
        """
        self.vocabularies = vocabularies
        words = _words(np.stack([window.ids for window in windows]), vocabularies, windows[0].bit_depth)
        self.tables: list[NDArray[np.float32]] = []
        """For each sub-vocabulary `[t, h, w, V]`."""
        self.position_weights: list[float] = []
        half = len(words) // 2
        for index, size in enumerate(vocabularies.sizes[: words.shape[-1]]):
            each = words[..., index]
            weight = POSITION_WEIGHTS[-1]
            if half:
                first = _count(each[:half], size)
                weight = max(POSITION_WEIGHTS, key=lambda one: _fit(_smooth(first, one), each[half:]))
            self.position_weights.append(weight)
            self.tables.append(_smooth(_count(each, size), weight))

    def word_probabilities(self, window: TokenWindow) -> NDArray[np.float32]:
        """Give the probability of each word, `[t, h, w, G]`."""
        words = _words(window.ids[None], self.vocabularies, window.bit_depth)[0]
        return np.stack(
            [
                np.take_along_axis(table, words[..., index, None], -1)[..., 0]
                for index, table in enumerate(self.tables)
            ],
            -1,
        )

    def bits(self, window: TokenWindow) -> Bits:
        """Give the bits of each token, `[t, h, w]`."""
        bits: Bits = -np.log2(self.word_probabilities(window)).sum(-1)
        return bits


@dataclass(frozen=True)
class CopyPrediction:
    """Each token is its nearest known one, with probability `1 - escape`, else a word by its frequency.

    Known are tokens that are kept, and the hints of COMMIT's padded condition, which stand for themselves.
    """

    frequencies: PositionFrequencies
    escape: NDArray[np.float64]
    """`[G]`, of each sub-vocabulary."""

    @classmethod
    def fitted(
        cls, frequencies: PositionFrequencies, examples: Sequence[tuple[TokenWindow, Condition]]
    ) -> "CopyPrediction":
        """Fit the escape of each sub-vocabulary to training windows of one task."""
        matches, probabilities = [], []
        for window, condition in examples:
            wanted = ~condition.kept
            matches.append(_matches(frequencies, window, condition)[wanted])
            probabilities.append(frequencies.word_probabilities(window)[wanted])
        match, probability = np.concatenate(matches), np.concatenate(probabilities)
        return cls(
            frequencies, np.array([fit_escape(*each) for each in zip(match.T, probability.T, strict=True)])
        )

    def bits(self, window: TokenWindow, condition: Condition) -> Bits:
        """Give the bits of each token, `[t, h, w]`; where one is kept they mean nothing."""
        match = _matches(self.frequencies, window, condition)
        probability = (1 - self.escape) * match + self.escape * self.frequencies.word_probabilities(window)
        bits: Bits = -np.log2(probability).sum(-1).astype(np.float32)
        return bits


def nearest_known(window: TokenWindow, condition: Condition) -> Ids:
    """Give for each token the id of the nearest known one, steps in time, rows and columns counting alike.

    Raises:
        ValueError: nothing is known.
    """
    known = condition.kept | condition.hinted
    if not known.any():
        raise ValueError("nothing is known of this window, so there is nothing to copy")
    ids = np.where(condition.hinted, condition.hints, window.ids)
    places = distance_transform_edt(~known, return_distances=False, return_indices=True)
    nearest: Ids = ids[tuple(places)]
    return nearest


def fit_escape(match: NDArray[np.bool_], probability: NDArray[np.floating]) -> float:
    """Find the share e under which words are likeliest: (1 - e) [word is the copied one] + e x its frequency.

    The likelihood is concave in e; where nothing ever escapes, e is that of one escape in N + 2.

    Args:
        match: bool `[N]`.
        probability: `[N]`, frequency of each word.
    """
    frequency = probability[match].astype(np.float64)
    misses = int((~match).sum())
    low, high = 1 / (len(match) + 2), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        slope = misses / middle - ((1 - frequency) / (1 - middle * (1 - frequency))).sum()
        low, high = (middle, high) if slope > 0 else (low, middle)
    return (low + high) / 2


def _matches(
    frequencies: PositionFrequencies, window: TokenWindow, condition: Condition
) -> NDArray[np.bool_]:
    both = np.stack([window.ids, nearest_known(window, condition)])
    words, copied = _words(both, frequencies.vocabularies, window.bit_depth)
    matches: NDArray[np.bool_] = words == copied
    return matches


def _words(ids: Ids, vocabularies: SubVocabularies, bit_depth: int) -> Ids:
    """Split ids to the words that a bit depth holds, `[..., G]`."""
    words: Ids = vocabularies.split(torch.from_numpy(ids)).numpy()
    return words[..., : vocabularies.known_at(bit_depth)]


def _count(words: Ids, size: int) -> NDArray[np.float64]:
    """Count words `[N, t, h, w]` at each position, `[t, h, w, V]`."""
    shape = words.shape[1:]
    places = np.arange(int(np.prod(shape))).reshape(shape)
    counts = np.bincount((places * size + words).ravel(), minlength=places.size * size)
    return counts.reshape(*shape, size).astype(np.float64)


def _smooth(counts: NDArray[np.float64], weight: float) -> NDArray[np.float32]:
    """Turn counts `[t, h, w, V]` to frequencies; those of a latent frame count for `weight` windows."""
    by_frame = counts.sum((1, 2), keepdims=True) + 1
    by_frame /= by_frame.sum(-1, keepdims=True)
    total = counts.sum(-1, keepdims=True)
    smoothed: NDArray[np.float32] = ((counts + weight * by_frame) / (total + weight)).astype(np.float32)
    return smoothed


def _fit(table: NDArray[np.float32], words: Ids) -> float:
    """Give the logarithm of the likelihood of words `[N, t, h, w]`."""
    counts = _count(words, table.shape[-1])
    return float((counts * np.log(table)).sum())
