"""The best guess at a token whose bits are planes of numbers: each word the one nearest to the mean."""

import torch
from torch import Tensor
from torch.nn import functional

from .subvocabulary import SubVocabularies


class MeanWords:
    """Chooses words by the mean of the numbers that their bits are planes of.

    The likeliest word is a poor estimate of a number: one value in the tail, copied from a neighbour, may be likelier
    than each of a hundred in the middle. Word by word, coarse to fine, the cell that holds the mean is the estimate
    of least squared error; a word drawn so may itself be unlikely.
    """

    def __init__(self, vocabularies: SubVocabularies, plane_dimensions: tuple[int, ...]) -> None:
        """Prepare tables.

        Args:
            vocabularies: how token bits are shared out.
            plane_dimensions: the dimension that each token bit refines, coarse to fine, as in `TokenizerConfig`.
        """
        self._numbers: list[Tensor] = []
        """For each sub-vocabulary float32 `[V, D]`: the numbers that a word's bits are planes of."""
        self._bits: list[list[Tensor]] = []
        """For each sub-vocabulary and number, int64: the word that has this number and 0 in all others."""
        start = 0
        for count in vocabularies.bits:
            dimensions = plane_dimensions[start : start + count]
            numbers, bits = [], []
            for dimension in sorted(set(dimensions)):
                places = [bit for bit in range(count) if dimensions[bit] == dimension]
                values = torch.arange(1 << len(places))
                finest = len(places) - 1
                spread = sum(((values >> (finest - rank)) & 1) << bit for rank, bit in enumerate(places))
                words = torch.arange(1 << count)
                numbers.append(
                    sum(((words >> bit) & 1) << (finest - rank) for rank, bit in enumerate(places))
                )
                bits.append(torch.as_tensor(spread))
            self._numbers.append(torch.stack([torch.as_tensor(each) for each in numbers], -1).float())
            self._bits.append(bits)
            start += count

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        """Choose words int64 `[N]` of sub-vocabulary `index` from logits float32 `[N, V]`."""
        mean = functional.softmax(logits, -1) @ self._numbers[index].to(logits.device)
        nearest = (mean + 0.5).floor().long()
        words = torch.zeros_like(nearest[:, 0])
        for column, bits in zip(nearest.unbind(-1), self._bits[index], strict=True):
            words = words | bits.to(logits.device)[column]
        return words
