"""Vectors come back from their bytes, and what is no motion is refused."""

import numpy as np
import pytest
from conformance.independent_motion import read_motion
from hypothesis import given
from hypothesis import strategies as st

from mgv.codec.motion import pack_motion, unpack_motion
from mgv.codec.motion.search import MOST_STEPS
from mgv.container import CorruptError

EXAMPLE = np.array([[[[3, 0], [3, 0]], [[3, -1], [12, 0]]]], np.int16)
EXAMPLE_BYTES = bytes.fromhex("02 02 01 00 27 9C FB 56")


@st.composite
def motions(draw: st.DrawFn) -> np.ndarray:
    shape = tuple(draw(st.integers(1, most)) for most in (3, 4, 4))
    most = draw(st.sampled_from([1, 3, 20, MOST_STEPS]))
    numbers = st.integers(-most, most) | st.just(0)
    found = draw(st.lists(numbers, min_size=2 * int(np.prod(shape)), max_size=2 * int(np.prod(shape))))
    return np.array(found, np.int16).reshape(*shape, 2)


@given(motions())
def test_vectors_come_back_and_format_md_says_how(motion: np.ndarray) -> None:
    data = pack_motion(motion)
    moving = np.flatnonzero(motion.any(axis=(1, 2, 3)))
    kept = motion[: moving[-1] + 1] if moving.size else motion[:0]
    found = unpack_motion(data, 3)
    assert np.array_equal(found, kept) or not kept.size
    assert len(found) == len(kept)
    assert read_motion(data) == [[[tuple(cell) for cell in row] for row in group] for group in kept.tolist()]


def test_the_example_of_format_md() -> None:
    assert pack_motion(EXAMPLE) == EXAMPLE_BYTES


def test_a_picture_that_flows_takes_few_bits() -> None:
    rows, columns = np.indices((9, 16))
    flow = np.stack([columns - 8, rows - 4], axis=-1).astype(np.int16)
    assert len(pack_motion(np.stack([flow] * 16))) < 16 * 9 * 16 * 2 / 8


def test_nothing_moves() -> None:
    assert pack_motion(np.zeros((5, 2, 2, 2), np.int16)) == b""
    assert unpack_motion(b"", 5).shape[0] == 0


@pytest.mark.parametrize(
    "shape", [(1, 1, 256, 2), (1, 40, 40, 2), (4097, 1, 1, 2)], ids=["long", "many", "groups"]
)
def test_too_many_cells_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are too many, expected at most 4096 of 1024, 255 to a side"):
        pack_motion(np.ones(shape, np.int16))


@pytest.mark.parametrize("step", [MOST_STEPS + 1, -MOST_STEPS - 1, -(1 << 15)])
def test_too_long_a_vector_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="1023 steps"):
        pack_motion(np.full((1, 1, 1, 2), step, np.int16))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x02\x02", "begins with 02 02"),
        (b"\x00\x02\x01\x00", "cells"),
        (b"\xff\xff\x01\x00", "cells"),
        (b"\x02\x02\x00\x00", "1 to 3 groups"),
        (b"\x02\x02\x04\x00", "1 to 3 groups"),
        (b"\x02\x02\x01\x00" + b"\xff" * 40, "the motion of a segment: a range-coded payload has 40 bytes"),
        (b"\x02\x02\x01\x00", "longer than 1023 steps"),
    ],
    ids=[
        "cut",
        "no-column",
        "huge-mesh",
        "no-group",
        "more-groups-than-frames",
        "bytes-after",
        "long-vector",
    ],
)
def test_damage_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptError, match=message):
        unpack_motion(data, 3)


@given(st.binary(max_size=60))
def test_any_bytes_give_vectors_or_an_error(payload: bytes) -> None:
    try:
        found = unpack_motion(b"\x04\x03\x03\x00" + payload, 3)
    except CorruptError:
        return
    assert found.tolist() == [
        [[list(cell) for cell in row] for row in group]
        for group in read_motion(b"\x04\x03\x03\x00" + payload)
    ]
    assert found.shape == (3, 3, 4, 2)
    assert np.abs(found).max() <= MOST_STEPS
