"""Continuing a video, and making one of nothing."""

import gc
import io
from collections.abc import Callable
from fractions import Fraction
from itertools import count

import numpy as np
import pytest
from fakes import CopyingFiller

from mgv.codec import OptionError, SegmentTokens, TokenFile, write_tokens
from mgv.container import Reader
from mgv.generator.continuation import Creation, predict
from mgv.generator.painter import Painter, Piece
from mgv.generator.window import Sampling
from mgv.tokenizer import Tokenizer, WeightsError

Edited = Callable[..., bytes]
SegmentsOf = Callable[[bytes], list[SegmentTokens]]
TICK = 3600


def test_new_segments_follow_at_the_nominal_length_and_tick(
    make_file: Callable[..., bytes], edited: Edited, segments_of: SegmentsOf
) -> None:
    source = make_file((9, 5))
    old, new = segments_of(source), segments_of(edited(source, lambda f, p: predict(f, p, 20)))
    assert [len(each.pts) for each in new] == [9, 5, 9, 9, 2]
    assert [each.first_frame for each in new] == [0, 9, 14, 23, 32]
    assert [time for each in new for time in each.pts] == [TICK * index for index in range(34)]
    for one, other in zip(old, new, strict=False):
        np.testing.assert_array_equal(one.ids, other.ids)


def test_stored_segments_stay_to_the_byte(make_file: Callable[..., bytes], edited: Edited) -> None:
    source = make_file((9, 5))
    reader, other = (
        Reader(io.BytesIO(source)),
        Reader(io.BytesIO(edited(source, lambda f, p: predict(f, p, 3)))),
    )
    for number in range(2):
        one, same = reader.read_segment(number), other.read_segment(number)
        assert one.segment == same.segment
        assert one.timing == same.timing


@pytest.mark.parametrize(("num_frames", "lengths"), [(1, [9, 8]), (2, [9, 9]), (4, [9, 9, 2])])
def test_a_last_latent_frame_with_padding_is_made_anew(
    make_file: Callable[..., bytes],
    edited: Edited,
    segments_of: SegmentsOf,
    num_frames: int,
    lengths: list[int],
) -> None:
    source = make_file((9, 7))
    old, new = segments_of(source), segments_of(edited(source, lambda f, p: predict(f, p, num_frames)))
    assert [len(each.pts) for each in new] == lengths
    np.testing.assert_array_equal(old[1].ids[:-1], new[1].ids[:-1])
    np.testing.assert_array_equal(new[1].ids[-1], old[1].ids[-2])  # what a copying generator makes
    assert [time for each in new for time in each.pts] == [TICK * index for index in range(16 + num_frames)]


def test_odd_times_stay_and_the_nominal_tick_follows(
    make_file: Callable[..., bytes], edited: Edited, segments_of: SegmentsOf
) -> None:
    source = make_file((9, 7), distance=5000)
    new = segments_of(edited(source, lambda f, p: predict(f, p, 4)))
    assert [time for each in new for time in each.pts] == [
        *range(0, 16 * 5000, 5000),
        *range(16 * 5000, 16 * 5000 + 4 * TICK, TICK),
    ]


def test_audio_and_what_is_said_of_a_file_stay(make_file: Callable[..., bytes], edited: Edited) -> None:
    source = make_file((9, 7), metadata={"title": "x", "generated": [{"old": 1}]})
    reader = Reader(io.BytesIO(edited(source, lambda f, p: predict(f, p, 4))))
    assert [packet.data for item in reader.items() if isinstance(item, tuple) for packet in item] == [
        b"\0",
        b"\1",
    ]
    assert reader.metadata["title"] == "x"
    old, entry = reader.metadata["generated"]
    assert old == {"old": 1}
    assert entry == {
        "task": "predict",
        "generator": "copying",
        "generator_sha256": "c0" * 32,
        "seed": 0,
        "label": None,
        "prompt": None,
        "sampling": {
            "steps": 12,
            "schedule": "cosine",
            "choice_temperature": 4.5,
            "token_temperature": 1.0,
            "guidance": 0.0,
        },
        "regions": [{"first_frame": 14, "num_frames": 6, "box": None}],
    }


def test_short_segments_at_the_end_let_earlier_ones_be_seen(
    make_file: Callable[..., bytes], edited: Edited, filler: CopyingFiller
) -> None:
    edited(make_file((9, 1)), lambda f, p: predict(f, p, 1))
    assert filler.asked[0][0].is_image.tolist() == [False, True, True]
    assert filler.asked[0][2] == "FP"


def test_with_a_label_the_class_is_predicted(
    make_file: Callable[..., bytes],
    edited: Edited,
    filler: CopyingFiller,
    make_painter: Callable[..., Painter],
) -> None:
    edited(make_file((9,)), lambda f, p: predict(f, p, 1), make_painter(label="cat"))
    assert {(task, label) for _, _, task, label, _ in filler.asked} == {("CFP", "cat")}


def test_memory_does_not_grow_with_the_continuation(
    make_file: Callable[..., bytes], tokenizer: Tokenizer, opened: Callable[[bytes], TokenFile]
) -> None:
    held: list[int] = []
    calls = count()

    class Counting(CopyingFiller):
        def fill(self, *arguments: object) -> np.ndarray:
            self.asked.clear()
            if next(calls) % 20 == 0:
                gc.collect()
                kinds = SegmentTokens, Piece
                held.append(sum(each.ids.size for each in gc.get_objects() if type(each) in kinds))
            return super().fill(*arguments)

    file = opened(make_file((9,), size=(16, 16)))
    painter = Painter(Counting(tokenizer.sha256, (20,)), Sampling())
    plan = predict(file, painter, 9 * 40)
    assert write_tokens(io.BytesIO(), plan, file.coder).num_segments == 41
    assert len(held) >= 4
    assert max(held[2:]) <= max(held[:2])


def test_an_empty_file_has_nothing_to_continue(make_file: Callable[..., bytes], edited: Edited) -> None:
    with pytest.raises(OptionError, match="nothing to continue"):
        edited(make_file(()), lambda f, p: predict(f, p, 1))


def test_a_depth_the_generator_does_not_know_is_refused_before_output(
    make_file: Callable[..., bytes], edited: Edited
) -> None:
    with pytest.raises(WeightsError, match="5 bits"):
        edited(make_file((9, 7), depths=(20, 5)), lambda f, p: predict(f, p, 1))


def test_new_segments_have_the_depth_of_the_last(
    make_file: Callable[..., bytes], edited: Edited, segments_of: SegmentsOf
) -> None:
    new = segments_of(edited(make_file((9, 9), depths=(20, 10)), lambda f, p: predict(f, p, 5)))
    assert [each.bit_depth for each in new] == [20, 10, 10]
    other = segments_of(edited(make_file((9, 1), depths=(10, 20)), lambda f, p: predict(f, p, 5)))
    assert [each.bit_depth for each in other] == [10, 20, 20]


class TestCreation:
    def made(self, tokenizer: Tokenizer, painter: Painter, num_frames: int = 12) -> bytes:
        creation = Creation.for_generator(painter.filler, (30, 20), num_frames, Fraction(30), model=tokenizer)
        out = io.BytesIO()
        write_tokens(out, creation.plan(painter), creation.coder)
        return out.getvalue()

    def test_a_class_makes_a_video(
        self,
        tokenizer: Tokenizer,
        make_painter: Callable[..., Painter],
        filler: CopyingFiller,
        segments_of: SegmentsOf,
    ) -> None:
        data = self.made(tokenizer, make_painter(label="dog"), 134)
        header = Reader(io.BytesIO(data)).header
        assert (header.width, header.height, header.bit_depths, header.tick) == (30, 20, (5, 10, 20), 3000)
        assert [len(each.pts) for each in segments_of(data)] == [129, 5]
        tasks = [task for _, _, task, _, _ in filler.asked]
        assert (tasks[0], tasks[-1]) == ("CG", "CFP")

    def test_seeds_make_videos(self, tokenizer: Tokenizer, make_painter: Callable[..., Painter]) -> None:
        one, same, other = (self.made(tokenizer, make_painter(seed=seed)) for seed in (3, 3, 4))
        assert one == same
        assert one != other

    def test_a_generator_for_no_tokenizer_that_is_there_is_refused(self) -> None:
        with pytest.raises(WeightsError, match=r"SHA-256 abab.* give its folder with --model"):
            Creation.for_generator(CopyingFiller("ab" * 32, (20,)), (8, 8), 1, Fraction(25))
