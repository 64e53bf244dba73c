import pytest
import torch

from mgv.generator.heads import ChainedHeads
from mgv.generator.masked.config import SIZES, MaskedConfig
from mgv.generator.masked.decoding import Prompt, decode_masked, decode_one_by_one
from mgv.generator.masked.transformer import MaskedTransformer
from mgv.generator.window import Sampling

WINDOW = 2, 3, 4


@pytest.fixture
def model() -> MaskedTransformer:
    torch.manual_seed(0)
    config = MaskedConfig(
        **SIZES["tiny"],
        window=WINDOW,
        bit_depths=(4, 8),
        labels=("cat",),
        heads="chained",
        guesses=True,
        copies=True,
    )
    made = MaskedTransformer(config).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def prompt_of(model: MaskedTransformer, *, kept: int = 5, num_known: int = 2, label: int = 0) -> Prompt:
    random = torch.Generator().manual_seed(1)
    count = WINDOW[0] * WINDOW[1] * WINDOW[2]
    is_kept = (torch.arange(count) < kept).view(1, *WINDOW)
    words = torch.randint(16, (1, *WINDOW, 2), generator=random)
    hinted = (torch.arange(count) == count - 1).view(1, *WINDOW)
    return Prompt(
        words=words,
        kept=is_kept,
        hinted=hinted,
        hints=torch.randint(16, (1, *WINDOW, 2), generator=random),
        is_image=torch.tensor([[True, False]]),
        num_known=num_known,
        task=torch.zeros(1, dtype=torch.int64),
        label=torch.full((1,), label),
    )


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


DECODERS = [decode_masked, decode_one_by_one]


@pytest.mark.parametrize("decode", DECODERS)
def test_kept_tokens_come_out_as_they_went_in(decode: object, model: MaskedTransformer) -> None:
    prompt = prompt_of(model)
    words = decode(model, prompt, Sampling(steps=4), seeded())
    assert torch.equal(words[prompt.kept], prompt.words[prompt.kept])


@pytest.mark.parametrize("decode", DECODERS)
def test_tokens_to_generate_are_never_looked_at(decode: object, model: MaskedTransformer) -> None:
    prompt = prompt_of(model)
    hidden = torch.where(prompt.kept[..., None], prompt.words, 3)
    blind = Prompt(**{**vars(prompt), "words": hidden})
    sampling = Sampling(steps=4)
    assert torch.equal(decode(model, prompt, sampling, seeded()), decode(model, blind, sampling, seeded()))


@pytest.mark.parametrize("decode", DECODERS)
def test_the_seed_decides(decode: object, model: MaskedTransformer) -> None:
    prompt, sampling = prompt_of(model), Sampling(steps=4)
    first = decode(model, prompt, sampling, seeded())
    assert torch.equal(decode(model, prompt, sampling, seeded()), first)
    assert not torch.equal(decode(model, prompt, sampling, seeded(7)), first)


class Counter:
    """Counts passes, and the tokens that each of them replaces."""

    def __init__(self, model: MaskedTransformer) -> None:
        self.replaced: list[int] = []
        model.register_forward_pre_hook(self._see)

    def _see(self, module: torch.nn.Module, arguments: tuple) -> None:
        self.replaced.append(int(arguments[1].sum()))


def test_each_step_is_one_pass_and_leaves_what_the_schedule_says(model: MaskedTransformer) -> None:
    counter = Counter(model)
    decode_masked(model, prompt_of(model, kept=3), Sampling(steps=4, schedule="uniform"), seeded())
    # 21 tokens to make; one of them is hinted, so it is no mask as long as it is replaced.
    assert len(counter.replaced) == 4
    assert [
        seen in (left, left - 1) for seen, left in zip(counter.replaced, (21, 16, 11, 6), strict=True)
    ] == [True] * 4


def test_one_by_one_takes_a_pass_a_token(model: MaskedTransformer) -> None:
    counter = Counter(model)
    decode_one_by_one(model, prompt_of(model, kept=3), Sampling(), seeded())
    assert len(counter.replaced) == 21


def test_guidance_doubles_the_passes(model: MaskedTransformer) -> None:
    counter = Counter(model)
    decode_masked(model, prompt_of(model), Sampling(steps=3, guidance=1.0), seeded())
    assert len(counter.replaced) == 6


def test_nothing_to_make_takes_no_pass(model: MaskedTransformer) -> None:
    counter = Counter(model)
    prompt = prompt_of(model, kept=24)
    assert torch.equal(decode_masked(model, prompt, Sampling(), seeded()), prompt.words)
    assert not counter.replaced


def test_the_surest_tokens_stay_first(model: MaskedTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line 5 to 8 of Algorithm 1 without noise: sureness is the token's place, so the last places are settled first."""

    def draw(self: object, embedding: object, hidden: torch.Tensor, *rest: object) -> tuple:
        count = hidden.shape[1]
        return torch.zeros(count, 2, dtype=torch.int64), torch.arange(count).float() / count - 2

    monkeypatch.setattr(ChainedHeads, "draw", draw)
    masks: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda _, arguments: masks.append(arguments[1].flatten().clone()))
    decode_masked(model, prompt_of(model, kept=0), Sampling(steps=2, choice_temperature=0.0), seeded())
    settled = ~masks[1]
    first = int(settled.nonzero()[0])
    assert settled[first:].all()
    assert first == 17  # ceil(24 cos(pi / 4)) stay masked


def test_files_of_fewer_bits_get_no_finer_words(model: MaskedTransformer) -> None:
    words = decode_masked(model, prompt_of(model, num_known=1, kept=0), Sampling(steps=2), seeded())
    assert not words[..., 1].any()
    assert words[..., 0].any()


@pytest.mark.parametrize("changes", [{"steps": 0}, {"choice_temperature": -1}, {"guidance": -0.5}])
def test_impossible_sampling_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Sampling(**changes)
