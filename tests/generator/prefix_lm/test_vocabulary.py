"""Nominal ids: the order of thesis 8.4.6 and Table 8.3, and exact arithmetic at any number of bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgv.generator.prefix_lm.vocabulary import (
    NUM_SPECIAL,
    OUTPUTS,
    RANGES,
    TASK_VALUES,
    TEXT,
    Special,
    Vocabulary,
)


def test_special_tokens_have_the_order_of_table_8_3() -> None:
    names = "bos task bot_i eot_i bov_i eov_i boa_i eoa_i source res bov_o eov_o boa_o eoa_o eos"
    assert [Vocabulary(18).spell(number) for number in range(15)] == [f"<{name}>" for name in names.split()]
    assert list(Special) == list(range(15))


def test_values_of_conditions_follow_and_fill_the_256() -> None:
    numbers = [number for values in RANGES for number in range(values.start, values.start + values.count)]
    assert numbers == list(range(16, 256))
    assert len(OUTPUTS) <= TASK_VALUES.count


def test_a_value_without_an_id_is_refused() -> None:
    with pytest.raises(ValueError, match="task 16: there are ids for 0 to 15 only"):
        TASK_VALUES.id(16)
    with pytest.raises(ValueError, match="task -1"):
        TASK_VALUES.id(-1)


def test_the_thesis_has_262144_visual_ids_and_4096_of_audio() -> None:
    vocabulary = Vocabulary(18)
    assert vocabulary.audio_start == 256 + 262_144
    assert vocabulary.size == 256 + 262_144 + 4096


@pytest.mark.parametrize("bits", [18, 56, 62])
def test_ids_at_the_ends_are_exact(bits: int) -> None:
    vocabulary = Vocabulary(bits)
    ends = np.array([0, 1, 2**bits - 1])
    ids = vocabulary.from_visual(ends)
    assert ids.tolist() == [256, 257, 255 + 2**bits]
    assert vocabulary.to_visual(ids).tolist() == ends.tolist()
    assert vocabulary.from_audio(np.array([[1023]] * 4)).tolist()[-1] == vocabulary.size - 1 == 2**bits + 4351


@given(st.integers(1, 62), st.data())
def test_modalities_are_disjoint(bits: int, data: st.DataObject) -> None:
    vocabulary = Vocabulary(bits)
    number = data.draw(st.integers(0, vocabulary.size - 1))
    ids = np.array([number])
    assert [vocabulary.is_visual(ids)[0], vocabulary.is_audio(ids)[0], number < NUM_SPECIAL].count(True) == 1


def test_audio_goes_level_by_level_and_levels_share_no_id() -> None:
    vocabulary = Vocabulary(18)
    codes = np.array([[5, 6, 7], [5, 6, 7]])
    ids = vocabulary.from_audio(codes) - vocabulary.audio_start
    assert ids.tolist() == [5, 6, 7, 1029, 1030, 1031]
    assert vocabulary.to_audio(vocabulary.from_audio(codes), 2).tolist() == codes.tolist()


def test_what_is_out_of_range_is_refused() -> None:
    vocabulary = Vocabulary(4)
    with pytest.raises(ValueError, match="not one of 4 bits"):
        vocabulary.from_visual(np.array([16]))
    with pytest.raises(ValueError, match="not a visual one"):
        vocabulary.to_visual(np.array([255]))
    with pytest.raises(ValueError, match="0 to 1023"):
        vocabulary.from_audio(np.array([[1024]]))
    with pytest.raises(ValueError, match="1 to 4 levels"):
        vocabulary.from_audio(np.zeros((5, 2), np.int64))
    with pytest.raises(ValueError, match="audio one of its level"):
        vocabulary.to_audio(vocabulary.from_audio(np.array([[1], [2]]))[::-1], 2)
    with pytest.raises(ValueError, match="expected 1 to 62"):
        Vocabulary(63)


def test_ids_are_spelled() -> None:
    vocabulary = Vocabulary(4)
    numbers = [TEXT, 15, 16, 48, 67, 128, 256, vocabulary.audio_start]
    assert " ".join(map(vocabulary.spell, numbers)) == (
        "text <special 15> <task:video> <res:0> <length:3> <label:0> visual audio"
    )
