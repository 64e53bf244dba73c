"""Algorithm 1 of the thesis: non-autoregressive decoding by COMMIT; and one token a pass, to compare with."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..copying import Copying
from ..estimates import midmean_token
from ..heads import Choose, choose_by, word_nats
from ..window import Sampling
from .commit import corrupt, lowest, num_masked
from .transformer import MaskedTransformer

NUM_DRAWS, DRAW_TEMPERATURE = 64, 0.7
"""Of what a best guess is the mean of the middle half."""


@dataclass(frozen=True)
class Prompt:
    """What is given of windows of one shape and bit depth, as tensors."""

    words: Tensor
    """int64 `[B, t, h, w, G]`; right where kept."""
    kept: Tensor
    """bool `[B, t, h, w]`."""
    hinted: Tensor
    """bool `[B, t, h, w]`."""
    hints: Tensor
    """int64 `[B, t, h, w, G]`, COMMIT's condition tokens; right where hinted."""
    is_image: Tensor
    """bool `[B, t]`."""
    num_known: int
    """Sub-vocabularies that the tokens have."""
    task: Tensor
    """int64 `[B]`."""
    label: Tensor
    """int64 `[B]`."""

    def draw(
        self,
        model: MaskedTransformer,
        words: Tensor,
        replaced: Tensor,
        where: Tensor,
        sampling: Sampling,
        choose: Choose,
    ) -> tuple[Tensor, Tensor]:
        """Draw the tokens marked in `where` from the transformer's view of tokens corrupted as Eq. 6.2 says.

        Returns:
            Words int64 `[N, G]`, 0 where the tokens have none, and log-probabilities float32 `[N]`.
        """
        seen = corrupt(words, self.hints, self.hinted, replaced)
        guided = sampling.guidance > 0
        labels = [self.label, torch.full_like(self.label, model.no_label)] if guided else [self.label]
        hidden = torch.stack(
            [
                model(seen.words, seen.masked, self.is_image, self.num_known, self.task, label)
                for label in labels
            ]
        )
        hidden, copying = hidden[:, where], model.copying(seen.words, seen.masked, seen.refined, where)
        if sampling.token_temperature == 0 and model.config.plane_dimensions:
            drawn = self._best_guess(model, hidden, sampling, copying)
            logits = model.heads.logits(model.words, hidden[0], drawn, self.num_known, copying)
            log_probability = -word_nats(logits, drawn)
        else:
            drawn, log_probability = model.heads.draw(
                model.words, hidden, self.num_known, choose, sampling.guidance, copying
            )
        return functional.pad(drawn, (0, words.shape[-1] - drawn.shape[-1])), log_probability

    def _best_guess(
        self, model: MaskedTransformer, hidden: Tensor, sampling: Sampling, copying: Copying | None
    ) -> Tensor:
        """Estimate tokens by the middle of many draws, the same ones each time, words int64 `[N, num_known]`."""
        vocabularies, draws = model.words.vocabularies, []
        choose = choose_by(DRAW_TEMPERATURE, torch.Generator().manual_seed(0))
        for _ in range(NUM_DRAWS):
            words, _ = model.heads.draw(
                model.words, hidden, self.num_known, choose, sampling.guidance, copying
            )
            draws.append(vocabularies.join(words))
        depth = vocabularies.ends[self.num_known - 1]
        ids = midmean_token(torch.stack(draws), model.config.plane_dimensions[:depth])
        return vocabularies.split(ids)[:, : self.num_known]


@torch.inference_mode()
def decode_masked(
    model: MaskedTransformer, prompt: Prompt, sampling: Sampling, random: torch.Generator
) -> Tensor:
    """Generate in `sampling.steps` passes (thesis Algorithm 1).

    Tokens that are kept have an infinite score, so that they are never drawn anew, and do not count for N. With a
    choice temperature of 0 the surest tokens stay; with `token_temperature` 0 each is the best guess:
    the middle of many draws where bits are planes of numbers, else the likeliest. Scores are
    logarithms of probabilities, for those of tokens of many bits are all next to 0, and noise alone would choose.

    Args:
        model: in eval mode.
        prompt: B = 1: windows differ in how many tokens they are to get.
        sampling: schedule and temperatures.
        random: on the CPU.

    Returns:
        Words int64 `[1, t, h, w, G]`; those that the tokens do not have are 0.
    """
    choose = choose_by(sampling.token_temperature, random)
    words = torch.where(prompt.kept[..., None], prompt.words, 0)
    scores = torch.where(prompt.kept, torch.inf, 0.0).flatten().to(words.device)
    replaced = ~prompt.kept
    count = int(replaced.sum())
    for step in range(sampling.steps):
        if not replaced.any():
            break
        drawn, log_probability = prompt.draw(model, words, replaced, replaced, sampling, choose)
        words[replaced] = drawn
        progress = (step + 1) / sampling.steps
        noise = _gumbel(log_probability.shape, random).to(words.device)
        weight = sampling.choice_temperature * (1 - progress)
        scores[replaced.flatten()] = log_probability + weight * noise
        replaced = lowest(scores, num_masked(sampling.schedule, progress, count)).view_as(replaced)
        scores[~replaced.flatten()] = torch.inf
    return words


@torch.inference_mode()
def decode_one_by_one(
    model: MaskedTransformer, prompt: Prompt, sampling: Sampling, random: torch.Generator
) -> Tensor:
    """Generate one token a pass, in raster order, as an autoregressive transformer of this size would.

    Arguments and result are those of `decode_masked`; steps, schedule and choice temperature play no part.
    """
    choose = choose_by(sampling.token_temperature, random)
    words = torch.where(prompt.kept[..., None], prompt.words, 0)
    replaced = ~prompt.kept
    for place in replaced.flatten().nonzero()[:, 0].tolist():
        here = torch.zeros_like(replaced)
        here.view(-1)[place] = True
        words[here], _ = prompt.draw(model, words, replaced, here, sampling, choose)
        replaced = replaced & ~here
    return words


def _gumbel(shape: torch.Size, random: torch.Generator) -> Tensor:
    uniform = torch.rand(shape, generator=random).clamp(1e-9, 1 - 1e-7)
    return -(-uniform.log()).log()
