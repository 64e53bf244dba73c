"""The prefix language model: sizes, attention, a proper distribution over the unified vocabulary, batching."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mgv.generator.prefix_lm.backbone import KeyValueCache, prefix_mask
from mgv.generator.prefix_lm.batch import collate
from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
from mgv.generator.prefix_lm.model import NUM_SYMBOLS, PrefixLM
from mgv.generator.prefix_lm.places import Part, Place
from mgv.generator.prefix_lm.prompts import Conditions, Prompts
from mgv.generator.window import Condition


@pytest.mark.parametrize(
    ("size", "millions"), [("tiny", 0.29), ("small", 1.99), ("300M", 297), ("1B", 967), ("8B", 7824)]
)
def test_parameter_counts(size, millions) -> None:
    with torch.device("meta"):
        model = PrefixLM(
            PrefixConfig(
                **SIZES[size], window=(11, 28, 16), bit_depths=(18,), text_width=2048, audio_steps=256
            )
        )
    count = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.01)


def test_no_table_grows_with_the_bits_of_a_token() -> None:
    with torch.device("meta"):
        model = PrefixLM(PrefixConfig(**SIZES["tiny"], window=(4, 2, 3), bit_depths=(15, 22, 29, 38, 46, 56)))
    assert max(parameter.shape[0] for parameter in model.parameters()) == NUM_SYMBOLS == 256 + 4096 + 1


def test_the_prefix_sees_itself_and_the_rest_what_came_before() -> None:
    mask = prefix_mask(torch.tensor([2, 0]), 0, 4)
    assert mask[0, 0].int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert mask[1, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert torch.equal(prefix_mask(torch.tensor([2]), 3, 4), mask[:1, :, 3:])


def changed_by(model, batch, index) -> torch.Tensor:
    """Tell which hidden states change with an id."""
    ids = batch.ids.clone()
    ids[0, index] += 1
    difference = model.hidden(batch) - model.hidden(replace(batch, ids=ids))
    return difference[0].abs().amax(-1) > 0


def test_attention_is_bidirectional_in_the_prefix_and_causal_after_it(
    model, config, prompts, make_window
) -> None:
    sequence = prompts.future(make_window(), 2).sequence(config)
    batch = collate([sequence])
    assert changed_by(model, batch, int(sequence.indices(Part.GIVEN)[-1])).all()
    index = int(sequence.indices(Part.VIDEO_OUT)[3])
    changed = changed_by(model, batch, index)
    assert changed[index:].all()
    assert not changed[:index].any()


def test_the_loss_is_on_outputs_only(model, config, prompts, make_window, make_audio) -> None:
    sequence = prompts.rest(make_window(), make_audio(), 2).sequence(config)
    nats = model(collate([sequence]))
    assert len(nats.nats) == len(sequence) - sequence.num_prefix
    assert int(nats.is_visual.sum()) == 18


def test_probabilities_of_the_whole_unified_vocabulary_sum_to_one(make_window) -> None:
    torch.manual_seed(1)
    config = PrefixConfig(**SIZES["tiny"], window=(1, 1, 2), bit_depths=(2, 5))
    model = PrefixLM(config).eval()
    sequence = Prompts(config).video(make_window((1, 1, 2), bit_depth=5)).sequence(config)
    index = sequence.num_prefix + 2  # the second visual token
    size = config.vocabulary.size
    ids = np.tile(sequence.ids, (size, 1))
    ids[:, index] = np.arange(size)
    with torch.inference_mode():
        nats = model(collate([replace(sequence, ids=row) for row in ids])).nats.view(size, -1)[:, 2]
    assert float((-nats.double()).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_text_takes_its_reserved_positions(model, config, prompts, make_window, make_text) -> None:
    window = make_window()
    first, second = (prompts.video(window, text=make_text(3, seed)).sequence(config) for seed in (1, 2))
    assert not torch.equal(model(collate([first])).nats, model(collate([second])).nats)
    swapped = replace(first, text=second.text)
    assert torch.equal(model(collate([swapped])).nats, model(collate([second])).nats)


def test_hints_have_an_influence_and_are_told_from_kept_tokens(model, config, prompts, make_window) -> None:
    kept, partly = np.zeros((4, 2, 3), bool), np.zeros((4, 2, 3), bool)
    kept[0], partly[1] = True, True
    sequences = [
        prompts.painting(make_window(), Condition(kept, partly, np.where(partly, hint, 0))).sequence(config)
        for hint in (1, 2000)
    ]
    as_if_kept = sequences[0].places.copy()
    as_if_kept[sequences[0].indices(Part.HINT), Place.PART] = Part.GIVEN
    sequences.append(replace(sequences[0], places=as_if_kept))
    nats = [model(collate([sequence])).nats for sequence in sequences]
    assert not torch.allclose(nats[0], nats[1])
    assert not torch.allclose(nats[0], nats[2])


def test_a_model_without_text_says_so(config, prompts, make_window, make_text) -> None:
    silent = PrefixLM(replace(config, text_width=0))
    with pytest.raises(ValueError, match="takes no text"):
        silent(collate([prompts.video(make_window(), text=make_text()).sequence(config)]))


def test_sequences_in_a_batch_do_not_touch_each_other(
    model, config, prompts, make_window, make_text, make_audio
) -> None:
    examples = [
        prompts.video(make_window(seed=1), Conditions("cat"), text=make_text(5)),
        prompts.future(make_window(seed=2), 3),
        prompts.audio_from_video(make_window(seed=3), make_audio()),
        prompts.video(make_window((2, 1, 1), seed=4), text=make_text(2, 7)),
    ]
    sequences = [example.sequence(config) for example in examples]
    together = model(collate(sequences)).nats
    apart = torch.cat([model(collate([sequence])).nats for sequence in sequences])
    torch.testing.assert_close(together, apart, rtol=1e-9, atol=1e-9)


def test_a_batch_has_one_bit_depth(config, prompts, make_window) -> None:
    deep, shallow = make_window(), make_window(bit_depth=5)
    with pytest.raises(ValueError, match=r"one bit depth, got \[5, 12\]"):
        collate([prompts.video(window).sequence(config) for window in (deep, shallow)])


def test_tokens_of_lower_depth_have_absent_words(model, config, prompts, make_window) -> None:
    shallow = make_window(bit_depth=5)
    same_ids_but_deep = replace(shallow, bit_depth=12)
    thin = model(collate([prompts.video(shallow).sequence(config)]))
    full = model(collate([prompts.video(same_ids_but_deep).sequence(config)]))
    assert thin.nats.shape == full.nats.shape
    assert not torch.allclose(thin.nats, full.nats)


@pytest.mark.parametrize("pieces", [[1] * 30, [2, 5, 1, 30], [40]], ids=["one by one", "unequal", "at once"])
def test_cached_equals_uncached(model, config, prompts, make_window, make_text, make_audio, pieces) -> None:
    example = prompts.rest(make_window(), make_audio(), 2)
    example = replace(example, prompt=replace(example.prompt, text=make_text()))
    batch = collate([example.sequence(config)])
    length, start = batch.ids.shape[1], int(batch.num_prefix[0])
    cache = KeyValueCache.empty(config, 1, length, model.symbols.weight)
    found = [model.hidden(batch, cache, 0, start)]
    for piece in pieces:
        stop = min(start + piece, length)
        if start < stop:
            found.append(model.hidden(batch, cache, start, stop))
        start = stop
    whole = model.symbol_logits(model.hidden(batch))
    by_pieces = model.symbol_logits(torch.cat(found, 1))
    assert by_pieces.shape[1] >= length - 1
    torch.testing.assert_close(by_pieces, whole[:, : by_pieces.shape[1]], rtol=0, atol=1e-11)


def test_a_config_survives_json(config) -> None:
    assert PrefixConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"heads": "many"}, "independent or chained"),
        ({"width": 30}, "twice 2 heads"),
        ({"window": (0, 1, 1)}, "at least one token"),
        ({"window": (65, 1, 1)}, "65 latent frames, there are special tokens for 64"),
        ({"labels": tuple(map(str, range(129)))}, "129 labels, there are special tokens for 128"),
    ],
)
def test_an_impossible_config_is_refused(config, changed, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(config, **changed)


def test_gradients_reach_every_parameter(config, prompts, make_window, make_text, make_audio) -> None:
    model = PrefixLM(config)
    examples = [
        prompts.rest(make_window(), make_audio(), 2),
        prompts.video(make_window(), text=make_text()),
    ]
    model(collate([example.sequence(config) for example in examples])).nats.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
