"""The layout of every task as golden text (thesis 8.3.3, Table 8.3), and where its elements are said to be."""

from dataclasses import replace

import numpy as np
import pytest

from mgv.generator.prefix_lm.elements import AudioCodes
from mgv.generator.prefix_lm.layout import Output, Prompt, lay_out, without
from mgv.generator.prefix_lm.places import Part, Place
from mgv.generator.prefix_lm.prompts import Conditions
from mgv.generator.window import Condition

GOLDEN = {
    "unconditional": "<bos> <task:video> <length:3> | <bov_o> visual*24 <eov_o> <eos>",
    "label": "<bos> <task:video> <label:1> <length:3> | <bov_o> visual*24 <eov_o> <eos>",
    "T2V": "<bos> <task:video> <bot_i> text*3 <eot_i> <length:3> | <bov_o> visual*24 <eov_o> <eos>",
    "T2I": "<bos> <task:video> <bot_i> text*3 <eot_i> | <bov_o> visual*6",
    "I2V": "<bos> <task:video> <bov_i> visual*6 <eov_i> <length:3> | <bov_o> visual*18 <eov_o> <eos>",
    "FP": "<bos> <task:future> <bov_i> visual*12 <eov_i> <length:3> | <bov_o> visual*12 <eov_o> <eos>",
    "painting": "<bos> <task:painting> <bov_i> visual*12 <eov_i> <length:3> | <bov_o> visual*16 <eov_o> <eos>",
    "nothing kept": "<bos> <task:painting> <length:3> | <bov_o> visual*24 <eov_o> <eos>",
    "stylisation": "<bos> <task:style> <bot_i> text*3 <eot_i> <bov_i> visual*48 <eov_i> <length:3> "
    "| <bov_o> visual*24 <eov_o> <eos>",
    "audio to video": "<bos> <task:video> <boa_i> audio*10 <eoa_i> <length:3> "
    "| <bov_o> visual*24 <eov_o> <eos>",
    "video to audio": "<bos> <task:audio> <bov_i> visual*24 <eov_i> <length:3> | <boa_o> audio*10 <eoa_o> <eos>",
    "AVCont": "<bos> <task:rest> <bov_i> visual*6 <eov_i> <boa_i> audio*4 <eoa_i> <length:3> "
    "| <bov_o> visual*18 <eov_o> <boa_o> audio*6 <eoa_o> <eos>",
    "source": "<bos> <task:video> <source:2> <length:3> | <bov_o> visual*24 <eov_o> <eos>",
    "known resolution": "<bos> <task:video> <res:0> <length:3> | <bov_o> visual*16 <eov_o> <eos>",
    "other resolution": "<bos> <task:video> <res> <length:0> | <bov_o> visual <eov_o> <eos>",
    "open length": "<bos> <task:video> | <bov_o> visual*24 <eov_o> <eos>",
}


@pytest.fixture(scope="module")
def sequences(config, prompts, make_window, make_text, make_audio):
    window, text, audio = make_window(), make_text(), make_audio()
    kept = np.zeros(window.shape, bool)
    kept[:, :, 1] = True
    hinted = np.zeros(window.shape, bool)
    hinted[:2, :, 0] = True
    condition = Condition(kept, hinted, np.where(hinted, 7, 0))
    examples = {
        "unconditional": prompts.video(window),
        "label": prompts.video(window, Conditions("dog")),
        "T2V": prompts.video(window, text=text),
        "T2I": prompts.image(make_window((1, 2, 3)), text=text),
        "I2V": prompts.future(window, 1),
        "FP": prompts.future(window, 2),
        "painting": prompts.painting(window, condition),
        "nothing kept": prompts.painting(window, Condition.of_kept(np.zeros(window.shape, bool))),
        "stylisation": prompts.stylisation(window, make_window(seed=1), make_window(seed=2), text=text),
        "audio to video": prompts.video_from_audio(window, audio),
        "video to audio": prompts.audio_from_video(window, audio),
        "AVCont": prompts.rest(window, audio, 2),
        "source": prompts.video(window, Conditions(source=2)),
        "known resolution": prompts.video(make_window((4, 2, 2))),
        "other resolution": prompts.video(make_window((1, 1, 1))),
        "open length": prompts.video(window, Conditions(with_length=False)),
    }
    return {name: example.sequence(config) for name, example in examples.items()}


@pytest.mark.parametrize("name", GOLDEN)
def test_layout(name, sequences, config) -> None:
    assert sequences[name].spell(config.vocabulary) == GOLDEN[name]


def test_dropping_text_and_label_leaves_the_layout_of_unconditional(
    config, prompts, make_window, make_text, sequences
) -> None:
    example = prompts.video(make_window(), Conditions("cat"), text=make_text())
    dropped = example.unconditional().sequence(config)
    assert np.array_equal(dropped.ids, sequences["unconditional"].ids)
    assert np.array_equal(dropped.places, sequences["unconditional"].places)
    assert dropped.text is None


def test_ids_are_those_of_the_window_in_raster_order(config, make_window, sequences) -> None:
    sequence = sequences["unconditional"]
    where = sequence.indices(Part.VIDEO_OUT)
    assert np.array_equal(config.vocabulary.to_visual(sequence.ids[where]), make_window().ids.reshape(-1))
    frames_rows_columns = sequence.places[where][:, Place.FRAME : Place.COLUMN + 1]
    assert np.array_equal(frames_rows_columns, np.argwhere(np.ones((4, 2, 3), bool)))
    assert sequence.places[where][:, Place.IS_IMAGE].tolist() == [1] * 6 + [0] * 18


def test_hints_come_from_the_padded_condition_and_kept_tokens_from_the_window(
    config, make_window, sequences
) -> None:
    sequence = sequences["painting"]
    visual = config.vocabulary.to_visual
    kept, hints, made = map(sequence.indices, (Part.GIVEN, Part.HINT, Part.VIDEO_OUT))
    assert np.array_equal(visual(sequence.ids[kept]), make_window().ids[:, :, 1].reshape(-1))
    assert visual(sequence.ids[hints]).tolist() == [7] * 4
    assert set(sequence.places[made][:, Place.COLUMN].tolist()) == {0, 2}


def test_audio_places_count_on_in_what_is_generated(sequences) -> None:
    sequence = sequences["AVCont"]
    given, made = sequence.indices(Part.AUDIO_IN), sequence.indices(Part.AUDIO_OUT)
    columns = [Place.LEVEL, Place.STEP]
    assert sequence.places[given][:, columns].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert sequence.places[made][:, columns].tolist() == [[0, 2], [0, 3], [0, 4], [1, 2], [1, 3], [1, 4]]


@pytest.mark.parametrize("name", GOLDEN)
def test_goals_are_the_places_that_follow(name, sequences) -> None:
    sequence = sequences[name]
    video = sequence.indices(Part.VIDEO_OUT)
    others = np.setdiff1d(np.arange(len(sequence) - 1), video[-1:])
    assert np.array_equal(sequence.goals[others], sequence.places[others + 1])


def test_the_goal_before_the_end_of_a_video_does_not_tell_that_it_ends(config, prompts, make_window) -> None:
    window = make_window()
    shorter = replace(window, ids=window.ids[:2], is_image=window.is_image[:2])
    conditions = Conditions(with_length=False)
    long = prompts.video(window, conditions).sequence(config)
    short = prompts.video(shorter, conditions).sequence(config)
    end = short.num_prefix + 1 + 12
    assert np.array_equal(long.goals[:end], short.goals[:end])
    assert np.array_equal(long.places[:end], short.places[:end])
    assert long.ids[end] != short.ids[end]


def test_leaving_out_latent_frames_gives_the_layout_of_a_shorter_video(config, prompts, make_window) -> None:
    window = make_window()
    shorter = replace(window, ids=window.ids[:2], is_image=window.is_image[:2])
    conditions = Conditions(with_length=False)
    start = 2 + 1 + 12
    cut = without(prompts.video(window, conditions).sequence(config), start, start + 12)
    expected = prompts.video(shorter, conditions).sequence(config)
    for name in ("ids", "places", "goals"):
        assert np.array_equal(getattr(cut, name), getattr(expected, name))


def test_impossible_sequences_are_refused(config, prompts, make_window, make_text) -> None:
    with pytest.raises(ValueError, match="video, audio or both"):
        lay_out(Prompt("video"), Output(), config.vocabulary, 12)
    with pytest.raises(ValueError, match="65 text embeddings, expected 64"):
        prompts.video(make_window(), text=make_text(65)).sequence(config)
    with pytest.raises(ValueError, match="expected at most"):
        prompts.video(make_window((5, 2, 3)))
    with pytest.raises(ValueError, match="4 of 4 latent frames given"):
        prompts.future(make_window(), 4)
    with pytest.raises(ValueError, match="one latent frame"):
        prompts.image(make_window())
    audio = AudioCodes(np.zeros((2, 11), np.int64))
    with pytest.raises(ValueError, match="11 steps of audio, expected at most 10"):
        prompts.video_from_audio(make_window(), audio)
