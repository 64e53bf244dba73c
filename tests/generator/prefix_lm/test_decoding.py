"""Autoregressive decoding: the same as recomputing everything, seeds, limits, guidance, early ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mgv.generator.prefix_lm.batch import collate
from mgv.generator.prefix_lm.decoding import Decoding, decode, narrow
from mgv.generator.prefix_lm.model import PrefixLM
from mgv.generator.prefix_lm.places import Part
from mgv.generator.prefix_lm.prompts import Conditions, Prompts
from mgv.generator.prefix_lm.vocabulary import Special


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def likeliest_by_full_passes(model, sequence) -> np.ndarray:
    """Greedy decoding that runs the whole sequence anew for each element."""
    batch = collate([sequence])
    for index in range(sequence.num_prefix, len(sequence)):
        hidden = model.hidden(batch)[:, index - 1]
        part = sequence.places[index, 0]
        if part == Part.VIDEO_OUT:
            count = len(model.vocabularies.bits)
            words, _ = model.heads.draw(model.words, hidden[None], count, lambda logits: logits.argmax(-1))
            batch.ids[0, index] = 256 + model.vocabularies.join(words)[0]
        elif part == Part.AUDIO_OUT:
            level = sequence.places[index, 5]
            codes = model.symbol_logits(hidden)[0, 256 + level * 1024 : 256 + (level + 1) * 1024]
            batch.ids[0, index] = model.audio_start + level * 1024 + int(codes.argmax())
    return batch.ids[0].numpy()


def test_decoding_with_a_cache_equals_full_passes(model, config, prompts, make_window, make_audio) -> None:
    sequence = prompts.rest(make_window(), make_audio(), 2).sequence(config)
    decoded = decode(model, sequence, Decoding(temperature=0), seeded())
    with torch.inference_mode():
        assert np.array_equal(decoded.sequence.ids, likeliest_by_full_passes(model, sequence))


def test_ids_beyond_what_a_float_holds_are_exact(config, make_window) -> None:
    wide = replace(config, bit_depths=(15, 22, 29, 38, 46, 56))
    torch.manual_seed(2)
    model = PrefixLM(wide).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    sequence = Prompts(wide).video(make_window(bit_depth=56)).sequence(wide)
    with torch.inference_mode():
        expected = likeliest_by_full_passes(model, sequence)
    decoded = decode(model, sequence, Decoding(temperature=0), seeded()).sequence
    assert np.array_equal(decoded.ids, expected)
    tokens = wide.vocabulary.to_visual(decoded.ids[decoded.indices(Part.VIDEO_OUT)])
    assert any(int(float(token)) != token for token in tokens.tolist())


def test_passes_are_one_an_element(model, config, prompts, make_window, make_audio) -> None:
    sequence = prompts.rest(make_window(), make_audio(), 2).sequence(config)
    assert decode(model, sequence, Decoding(), seeded()).num_passes == 18 + 6


def test_what_is_given_stays_and_what_was_there_before_plays_no_part(
    model, config, prompts, make_window
) -> None:
    window = make_window()
    other = replace(window, ids=np.concatenate([window.ids[:2], make_window(seed=9).ids[2:]]))
    sequences = [prompts.future(each, 2).sequence(config) for each in (window, other)]
    first, second = (decode(model, sequence, Decoding(), seeded(3)).sequence for sequence in sequences)
    assert np.array_equal(first.ids, second.ids)
    assert np.array_equal(first.ids[: first.num_prefix], sequences[0].ids[: first.num_prefix])
    assert config.vocabulary.is_visual(first.ids[first.indices(Part.VIDEO_OUT)]).all()


def test_seeds_reproduce_and_differ(model, config, prompts, make_window) -> None:
    sequence = prompts.video(make_window()).sequence(config)
    one, same, other = (decode(model, sequence, Decoding(), seeded(seed)).sequence.ids for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_lower_depth_draws_fewer_bits(model, config, prompts, make_window) -> None:
    sequence = prompts.video(make_window(bit_depth=5)).sequence(config)
    decoded = decode(model, sequence, Decoding(), seeded()).sequence
    tokens = config.vocabulary.to_visual(decoded.ids[decoded.indices(Part.VIDEO_OUT)])
    assert tokens.max() < 32


def test_guidance_of_nothing_is_no_guidance_and_more_of_it_follows_the_label(
    model, config, prompts, make_window
) -> None:
    example = prompts.video(make_window(), Conditions("cat"))
    conditional, unconditional = example.sequence(config), example.unconditional().sequence(config)
    plain = decode(model, conditional, Decoding(temperature=0), seeded())
    guided = decode(model, conditional, Decoding(temperature=0, guidance=4.0), seeded(), unconditional)
    same = decode(model, conditional, Decoding(temperature=0, guidance=4.0), seeded(), conditional)
    assert np.array_equal(same.sequence.ids, plain.sequence.ids)
    assert not np.array_equal(guided.sequence.ids, plain.sequence.ids)
    assert guided.num_passes == 2 * plain.num_passes


def test_guidance_is_the_difference_of_logits(model, config, prompts, make_window) -> None:
    example = prompts.video(make_window((1, 1, 1), bit_depth=5), Conditions("dog"))
    conditional, unconditional = example.sequence(config), example.unconditional().sequence(config)
    guided = decode(model, conditional, Decoding(temperature=0, guidance=2.0), seeded(), unconditional)
    with torch.inference_mode():
        logits = []
        for sequence in (conditional, unconditional):
            hidden = model.hidden(collate([sequence]))[0, sequence.num_prefix][None]
            logits += model.heads.logits(model.words, hidden, torch.zeros(1, 2, dtype=torch.int64), 1)
    expected = int((3 * logits[0] - 2 * logits[1]).argmax())
    assert guided.sequence.ids[conditional.num_prefix + 1] == 256 + expected


def test_guidance_without_something_to_compare_with_is_refused(model, config, prompts, make_window) -> None:
    sequence = prompts.video(make_window()).sequence(config)
    shorter = prompts.video(make_window((2, 2, 3))).sequence(config)
    for unconditional in (None, shorter):
        with pytest.raises(ValueError, match="unconditional sequence with the same output"):
            decode(model, sequence, Decoding(guidance=1.0), seeded(), unconditional)


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_a_video_ends_where_the_model_says_so(config, prompts, make_window, make_audio, guidance) -> None:
    model = PrefixLM(config).eval()
    with torch.no_grad():
        model.symbol_bias[Special.EOV_O] = 1000
    example = prompts.rest(make_window(), make_audio(), 2, Conditions("cat", with_length=False))
    sequence, unconditional = example.sequence(config), example.unconditional().sequence(config)
    decoding = Decoding(may_end_early=True, guidance=guidance)
    ended = decode(model, sequence, decoding, seeded(), unconditional).sequence
    assert ended.spell(config.vocabulary) == (
        "<bos> <task:rest> <bov_i> visual*6 <eov_i> <boa_i> audio*4 <eoa_i> <label:0> "
        "| <bov_o> visual*6 <eov_o> <boa_o> audio*6 <eoa_o> <eos>"
    )
    whole = decode(model, sequence, replace(decoding, may_end_early=False), seeded(), unconditional).sequence
    assert len(whole.indices(Part.VIDEO_OUT)) == 18


def test_a_model_that_does_not_want_to_end_goes_on(config, prompts, make_window) -> None:
    model = PrefixLM(config).eval()
    with torch.no_grad():
        model.symbol_bias[Special.EOV_O] = -1000
    sequence = prompts.video(make_window(), Conditions(with_length=False)).sequence(config)
    decoded = decode(model, sequence, Decoding(may_end_early=True), seeded()).sequence
    assert len(decoded.indices(Part.VIDEO_OUT)) == 24


def test_narrowing() -> None:
    logits = torch.tensor([[0.5, 0.1, 0.3, 0.1]]).log()
    inf = float("inf")
    assert (narrow(logits, 2, 1.0) > -inf).tolist() == [[True, False, True, False]]
    assert (narrow(logits, 0, 0.5) > -inf).tolist() == [[True, False, False, False]]
    assert (narrow(logits, 0, 0.51) > -inf).tolist() == [[True, False, True, False]]
    assert (narrow(logits, 0, 1.0) > -inf).all()
    assert (narrow(logits, 9, 1e-9) > -inf).sum() == 1


def test_the_likeliest_word_alone_is_greedy(model, config, prompts, make_window) -> None:
    sequence = prompts.video(make_window()).sequence(config)
    greedy, narrowed = (
        decode(model, sequence, decoding, seeded()).sequence.ids
        for decoding in (Decoding(temperature=0), Decoding(top_k=1))
    )
    assert np.array_equal(greedy, narrowed)


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0}, {"guidance": -1}])
def test_impossible_settings_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Decoding(**wrong)
