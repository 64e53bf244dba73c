"""The small parts: errors, the byte source, checks on fields that no file reaches."""

import copy
import io
import pickle
import subprocess
import sys
from fractions import Fraction

import pytest

from mgv.container import CorruptError, FormatError, Index, IndexEntry, Layer, LimitError, Timing, crc32
from mgv.container.limits import check_range
from mgv.container.source import ByteSource


def test_errors_name_their_place_and_survive_pickling():
    error = CorruptError("width is 0", field="width")
    assert str(error) == "width is 0"
    assert str(error.at(8)) == "width is 0 (at byte 8)"
    assert error.at(99).offset_bytes == 8
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), twin.field) == (CorruptError, str(error), "width")
    assert issubclass(LimitError, FormatError)
    assert issubclass(FormatError, ValueError)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 8.0},
        {"width": None},
        {"sample_aspect": 1},
        {"sample_aspect": Fraction(-1)},
        {"tokenizer_sha256": "00" * 32},
        {"tokenizer_sha256": bytes(31)},
        {"strides": (8, 8)},
        {"bit_depths": ()},
        {"coder": 256},
        {"version": (1, 256)},
        {"software": "a\x00"},
        {"software": "\ud800"},
        {"software": "\x9b2J"},
    ],
)
def test_header_fields_of_the_wrong_kind(files, changes):
    with pytest.raises(CorruptError) as caught:
        files.header(**changes)
    assert next(iter(changes)) in caught.value.field


def test_numbers_that_act_as_integers_are_integers():
    class Number:
        def __index__(self):
            return 3

    check_range("field", Number(), 0, 3)


def test_a_layer_must_fit_its_crc():
    assert Layer.from_payload(b"abc", 7) == Layer(b"abc", crc32(b"abc"), 7)
    with pytest.raises(CorruptError, match="CRC"):
        Layer(b"abc", 0, 7)


def test_timing():
    assert Timing.nominal(5, 3, 10) == Timing((5, 15, 25), 10)
    assert Timing((5, 15, 25), 10).is_nominal(10)
    for other in (Timing((5, 15, 26), 10), Timing((5, 15, 25), 11)):
        assert not other.is_nominal(10)
    for pts, last in (((), 1), ((1, 1), 1), ((2, 1), 1), ((1,), 0)):
        with pytest.raises(CorruptError):
            Timing(pts, last)


@pytest.mark.parametrize(
    ("rows", "num_frames"),
    [
        ([(0, 0, 0), (0, 1, 1)], 9),
        ([(0, 0, 0), (1, 0, 1)], 9),
        ([(0, 0, 0), (1, 1, 0)], 9),
        ([(0, 0, 0), (5, 1, 1)], 5),
    ],
)
def test_an_index_must_rise(rows, num_frames):
    with pytest.raises(CorruptError):
        Index(tuple(IndexEntry(*row) for row in rows), num_frames)


@pytest.mark.parametrize("can_seek", [False, True])
def test_byte_source(can_seek):
    data = bytes(range(100))
    source = ByteSource(io.BytesIO(data), 0 if can_seek else None)
    assert source.peek(3) == data[:3]
    assert source.peek(10) == data[:10]
    assert source.take(5) == data[:5]
    source.skip(2)
    assert (source.offset_bytes, source.take(3)) == (7, data[7:10])
    source.skip(20)
    assert (source.offset_bytes, source.peek(2)) == (30, data[30:32])
    taken = source.take(10)
    source.put_back(taken)
    assert (source.offset_bytes, source.put_back_bytes) == (30, 10)
    assert source.take(10) == taken
    assert source.take(100) == data[40:]
    assert (source.peek(1), source.take(1), source.offset_bytes) == (b"", b"", 100)


def test_importing_the_container_loads_nothing_heavy():
    code = (
        "import sys, mgv.container; print([m for m in ('torch', 'numpy', 'numba', 'av') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
