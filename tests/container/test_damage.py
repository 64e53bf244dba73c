"""What a tolerant reader gets out of damaged files: all that is whole, and word of all that is not."""

import io
import struct
import zlib

import pytest

from mgv.container import CorruptError, Damage, NotMgvError, Reader, TimedSegment, Timing
from mgv.container import chunks as chunks_module


@pytest.fixture(scope="module")
def five(files):
    return files.many(5)


def middle(files, data):
    """The third segment's chunk."""
    return files.split(data)[3]


@pytest.mark.parametrize("is_pipe", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data, start, end: data[: start + 3] + b"\xff" + data[start + 4 :],
        lambda data, start, end: data[:start] + bytes(17) + data[start + 17 :],
        lambda data, start, end: data[: start + 20] + b"\xff" * 9 + data[start + 29 :],
        lambda data, start, end: data[:start] + bytes(end - start) + data[end:],
        lambda data, start, end: data[:start] + data[end:],
        lambda data, start, end: data[: start + 20] + data[start + 25 :],
        lambda data, start, end: data[: start + 4] + data[end - 4 :],
        lambda data, start, end: data[: start + 20] + b"inserted" + data[start + 20 :],
        lambda data, start, end: data[:start] + b"inserted" * 20000 + data[start + 1 :],
        lambda data, start, end: data[: start + 17] + data[start - 30 : start] * 3000 + data[end:],
    ],
    ids=[
        "header-bit",
        "header-zeros",
        "payload-bytes",
        "chunk-zeros",
        "chunk-lost",
        "payload-bytes-lost",
        "most-lost",
        "payload-bytes-inserted",
        "long-garbage",
        "long-repeats",
    ],
)
def test_one_damaged_segment_costs_that_segment_alone(files, five, damage, is_pipe):
    chunk = middle(files, five)
    data = damage(five, chunk.offset, chunk.offset + len(chunk.pack()))
    sound = files.read(five)
    events, damages = files.read_damaged(data, is_pipe=is_pipe)
    assert [(event.segment, event.timing) for event in events] == [
        (event.segment, event.timing) for place, event in enumerate(sound) if place != 2
    ]
    assert "frames 10 to 14 are missing" in [item.reason for item in damages]
    assert damages[0].offset_bytes in (chunk.offset, chunk.offset + len(chunk.pack()) - 4)
    with pytest.raises(CorruptError):
        files.read(data, is_pipe=is_pipe)


def test_damages_and_chunks_account_for_every_byte(files, golden):
    for place in range(files.split(golden)[1].offset, len(golden)):
        data = bytearray(golden)
        data[place] ^= 0x10
        damages: list[Damage] = []
        reader = Reader(io.BytesIO(data), damages.append)
        list(reader.events())
        assert reader.bytes_by_chunk.total() == len(data)
        assert sum(item.num_bytes for item in damages) >= reader.bytes_by_chunk["damaged"] > 0
        assert any(item.offset_bytes <= place < item.offset_bytes + item.num_bytes for item in damages)


def test_coarse_layers_before_the_damage_are_kept(files, five):
    chunk = middle(files, five)
    data = bytearray(five)
    data[chunk.offset + 17 + 64 + 4 + 1] ^= 1
    events, (damage,) = files.read_damaged(bytes(data))
    assert [len(event.segment.layers) for event in events] == [3, 3, 1, 3, 3]
    assert events[2].segment.layers == files.segment(10).layers[:1]
    assert damage.num_bytes == len(chunk.pack())
    assert "1 layers of the segment at frame 10 are kept" in damage.reason


def test_coarse_layers_before_a_cut_are_kept(files, five):
    chunk = middle(files, five)
    events, damages = files.read_damaged(five[: chunk.offset + 17 + 64 + 7])
    assert [len(event.segment.layers) for event in events] == [3, 3, 2]
    assert damages[-1].reason.startswith("the file ends without an END")


def test_a_damaged_table_gives_no_layers(files, five):
    chunk = middle(files, five)
    for place in range(chunk.offset + 17, chunk.offset + 17 + 64):
        data = bytearray(five)
        data[place] ^= 1
        assert files.first_frames(files.read_damaged(bytes(data))[0]) == [0, 5, 15, 20]


def test_a_segment_without_its_time_is_lost(files, golden):
    chunks = files.split(golden)
    data = bytearray(golden)
    data[chunks[5].offset + 25] ^= 1
    events, damages = files.read_damaged(bytes(data))
    assert files.first_frames(events) == [0]
    assert [item.offset_bytes for item in damages][:2] == [chunks[5].offset, chunks[6].offset]
    assert "frames 5 to 7 are missing" in damages[-1].reason


def test_a_time_whose_segment_is_lost_does_not_reach_the_next(files):
    def fill(writer):
        writer.write_segment(files.segment(0, 1), Timing((0,), 7))
        writer.write_segment(files.segment(1, 1), Timing((100,), 3003))

    data = files.write(fill)
    chunks = files.split(data)
    events, damages = files.read_damaged(files.join([*chunks[:2], *chunks[3:]]))
    assert not events
    assert any("says that it has none" in item.reason for item in damages)
    broken = bytearray(data)
    broken[chunks[2].offset] ^= 1
    events, _ = files.read_damaged(bytes(broken))
    assert [event.timing for event in events] == [Timing((100,), 3003)]


def test_segments_out_of_order_are_left_out(files):
    chunks = files.split(files.many(4))
    swapped = [*chunks[:2], chunks[3], chunks[2], *chunks[4:]]
    events, damages = files.read_damaged(files.join(swapped))
    assert files.first_frames(events) == [0, 10, 15]
    assert [item.reason.split(" (")[0] for item in damages][:2] == [
        "frames 5 to 9 are missing",
        "the segment at frame 5 is out of order, expected 15",
    ]


@pytest.mark.parametrize("is_pipe", [False, True])
def test_a_damaged_signature_is_survived(files, golden, is_pipe):
    for data in (b"\0" + golden[1:], golden[3:], b"text before it\n" + golden):
        events, damages = files.read_damaged(data, is_pipe=is_pipe)
        assert files.first_frames(events) == [0, 5]
        assert damages[0].reason == "the signature is damaged"
        assert damages[0].offset_bytes == 0
        with pytest.raises(NotMgvError):
            files.read(data, is_pipe=is_pipe)


def test_damage_before_the_segments_costs_no_segment(files, golden):
    for number, kept in ((1, "audio_headers"), (2, "metadata")):
        data = bytearray(golden)
        data[files.split(golden)[number].offset] ^= 1
        damages: list[Damage] = []
        reader = Reader(io.BytesIO(data), damages.append)
        assert len(damages) == 1
        assert getattr(reader, kept) == getattr(Reader(io.BytesIO(golden)), kept)
        assert files.first_frames(list(reader.events())) == [0, 5]


def test_packets_of_a_lost_audio_header_are_left_out(files, golden):
    data = bytearray(golden)
    data[files.split(golden)[2].offset] ^= 1
    events, damages = files.read_damaged(bytes(data))
    assert all(isinstance(event, TimedSegment) for event in events)
    assert sum("which has no AHDR" in item.reason for item in damages) == 2


def test_on_damage_of_events_alone(files, five):
    data = bytearray(five)
    data[middle(files, five).offset] ^= 1
    damages: list[Damage] = []
    reader = Reader(io.BytesIO(data))
    assert files.first_frames(list(reader.events(damages.append))) == [0, 5, 15, 20]
    assert damages
    assert reader.num_frames == 25
    with pytest.raises(CorruptError):
        list(reader.events())


def test_frames_missing_at_the_end_are_told(files, five):
    last = files.split(five)[5]
    data = five[: last.offset] + five[last.offset + len(last.pack()) :]
    damages: list[Damage] = []
    reader = Reader(io.BytesIO(data), damages.append)
    assert files.first_frames(list(reader.events())) == [0, 5, 10, 15]
    assert reader.num_frames == 25
    assert damages[-1].reason == "END counts 25 frames: frames 20 to 24 are missing"


@pytest.mark.parametrize("what", ["cut", "END", "INDX", "both", "trailing"])
def test_the_index_is_found_without_index(files, golden, what):
    chunks = files.split(golden)
    data = bytearray(golden)
    if what == "cut":
        data = data[: chunks[8].offset]
    if what in ("END", "both"):
        data[chunks[9].offset] ^= 1
    if what in ("INDX", "both"):
        data[chunks[8].offset + 20] ^= 1
    if what == "trailing":
        data += b"garbage"
    assert Reader(io.BytesIO(data)).index() == Reader(io.BytesIO(golden)).index()


def test_the_scan_leaves_out_what_is_damaged_or_cut(files, five):
    chunks = files.split(five)
    data = bytearray(five[: chunks[6].offset])
    data[chunks[1].offset] ^= 1
    data[chunks[2].offset + 20] ^= 1
    scanned = Reader(io.BytesIO(data), list().append).index()
    assert [entry.first_frame for entry in scanned.entries] == [10, 15, 20]
    assert scanned.num_frames == 25
    cut = Reader(io.BytesIO(five[: chunks[5].offset + 50])).index()
    assert [entry.first_frame for entry in cut.entries] == [0, 5, 10, 15]


def test_an_index_that_lies_is_not_believed(files, five):
    chunks = files.split(five)

    def with_index(change):
        payload = bytearray(chunks[6].payload)
        change(payload)
        return files.join([*chunks[:6], chunks[6]._replace(payload=bytes(payload)), chunks[7]])

    def to_itself(payload):
        struct.pack_into("<Q", payload, 8 + 20 * 4 + 12, chunks[6].offset)

    def to_payload(payload):
        struct.pack_into("<Q", payload, 8 + 20 * 1 + 12, chunks[2].offset + 1)

    def other_time(payload):
        struct.pack_into("<q", payload, 8 + 20 * 1 + 4, 15009)

    assert Reader(io.BytesIO(with_index(to_itself))).index().entries[4].offset_bytes == chunks[5].offset
    for change in (to_payload, other_time):
        reader = Reader(io.BytesIO(with_index(change)))
        with pytest.raises(CorruptError):
            reader.read_segment(1)
        assert reader.read_segment(2).segment == files.segment(10)


def test_headers_inside_a_whole_payload_are_not_chunks(files):
    """Only damage starts a search, so a payload may hold what looks like chunks."""
    fake = files.RawChunk(b"SEGM", b"fake").pack()
    segment = files.segment(0, num_layers=1)
    layer = type(segment.layers[0]).from_payload(fake, 0)
    data = files.write(lambda writer: writer.write_segment(type(segment)(0, 5, (2, 2, 2), (layer,))))
    assert files.first_frames(files.read(data)) == [0]


@pytest.mark.parametrize(("most_bytes", "num_damages"), [(20_000, 3), (1 << 31, 201)])
def test_searching_again_and_again_has_an_end(files, monkeypatch, most_bytes, num_damages):
    """Damaged chunks inside damaged chunks would cost quadratic time without the bound."""
    monkeypatch.setattr(chunks_module, "MOST_RESCANNED_BYTES", most_bytes)
    data = files.many(0)
    nested = data[: files.split(data)[1].offset]
    for depth in range(200):
        prefix = b"APKT" + struct.pack("<BQ", 0, 100 * (200 - depth))
        nested += prefix + struct.pack("<I", zlib.crc32(prefix))
    assert len(files.read_damaged(nested + b"\1" * 30_000)[1]) == num_damages


@pytest.mark.parametrize("is_pipe", [False, True])
def test_a_header_across_two_looks_is_found(files, five, monkeypatch, is_pipe):
    monkeypatch.setattr(chunks_module, "SCAN_BYTES", 64)
    place = middle(files, five).offset
    for length in range(1, 140):
        data = five[:place] + b"?" * length + five[place:]
        events, (damage,) = files.read_damaged(data, is_pipe=is_pipe)
        assert len(events) == 5
        assert (damage.offset_bytes, damage.num_bytes) == (place, length)
