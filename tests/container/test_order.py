"""Chunks that are sound, but come twice, too late, not at all, or are of no known type."""

import pytest

from mgv.container import CorruptError, TruncatedError, VersionError

ORDER_DEFECTS = {
    "HEAD-missing": (lambda c: c[1:], CorruptError, "expected HEAD"),
    "HEAD-twice": (lambda c: [c[0], *c], CorruptError, "HEAD is there twice"),
    "HEAD-twice-late": (lambda c: [*c[:5], c[0], *c[5:]], CorruptError, "HEAD is there twice"),
    "META-twice": (lambda c: [*c[:2], *c[1:]], CorruptError, "two META"),
    "META-late": (lambda c: [c[0], *c[2:5], c[1], *c[5:]], CorruptError, "META is there twice or too late"),
    "AHDR-twice": (lambda c: [*c[:3], *c[2:]], CorruptError, "two headers"),
    "AHDR-late": (lambda c: [*c[:2], c[3], c[2], *c[4:]], CorruptError, "AHDR is there twice or too late"),
    "TIME-twice": (lambda c: [*c[:6], *c[5:]], CorruptError, "not followed by its segment"),
    "TIME-away-from-SEGM": (
        lambda c: [*c[:5], c[5], c[4], *c[6:]],
        CorruptError,
        "not followed by its segment",
    ),
    "TIME-of-none": (lambda c: [*c[:3], c[5], *c[3:5], *c[6:]], CorruptError, "says that it has none"),
    "TIME-missing": (lambda c: [*c[:5], *c[6:]], CorruptError, "lacks the TIME"),
    "SEGM-missing": (lambda c: [*c[:3], *c[4:]], CorruptError, "frames 0 to 4 are missing"),
    "SEGM-last-missing": (lambda c: [*c[:5], *c[7:]], CorruptError, "does not list"),
    "SEGM-twice": (lambda c: [*c[:4], *c[3:]], CorruptError, "out of order"),
    "SEGM-swapped": (lambda c: [*c[:3], *c[5:7], *c[3:5], *c[7:]], CorruptError, "missing"),
    "SEGM-after-INDX": (lambda c: [*c[:5], c[8], *c[5:8], c[9]], CorruptError, "does not list"),
    "APKT-after-INDX": (lambda c: [*c[:7], c[8], c[7], c[9]], CorruptError, "comes after INDX"),
    "INDX-missing": (lambda c: [*c[:8], c[9]], CorruptError, "there is no INDX"),
    "INDX-twice": (lambda c: [*c[:9], *c[8:]], CorruptError, "comes after INDX"),
    "END-missing": (lambda c: c[:9], TruncatedError, "without an END"),
    "END-twice": (lambda c: [*c, c[9]], CorruptError, "bytes after END"),
    "END-early": (lambda c: [*c[:8], c[9], c[8]], CorruptError, "there is no INDX"),
    "file-twice": (lambda c: [*c, *c], CorruptError, "bytes after END"),
}


@pytest.mark.parametrize("is_pipe", [False, True])
@pytest.mark.parametrize("defect", ORDER_DEFECTS)
def test_chunks_out_of_order(files, golden, defect, is_pipe):
    change, error, words = ORDER_DEFECTS[defect]
    data = files.join(change(files.split(golden)))
    with pytest.raises(error, match=words) as caught:
        files.read(data, is_pipe=is_pipe)
    assert type(caught.value) is error
    if defect != "HEAD-missing":
        assert files.read_damaged(data, is_pipe=is_pipe)[1]


@pytest.mark.parametrize("trailing", [b"\0", b"\n", bytes(16), bytes(1 << 17), b"TAG" * 40])
def test_trailing_garbage_is_an_error(files, golden, trailing):
    for is_pipe in (False, True):
        with pytest.raises(CorruptError, match="bytes after END") as caught:
            files.read(golden + trailing, is_pipe=is_pipe)
        assert caught.value.offset_bytes == len(golden)
        events, (damage,) = files.read_damaged(golden + trailing, is_pipe=is_pipe)
        assert events == files.read(golden)
        assert (damage.offset_bytes, damage.num_bytes) == (len(golden), len(trailing))


def test_unknown_critical_chunks_are_refused_wherever_they_are(files, golden):
    chunks = files.split(golden)
    for place in range(1, len(chunks)):
        data = files.join([*chunks[:place], files.RawChunk(b"XYZ1", b"?"), *chunks[place:]])
        if chunks[place - 1].kind == b"TIME":
            with pytest.raises(CorruptError, match="not followed by its segment"):
                files.read(data)
            continue
        with pytest.raises(CorruptError if place == 9 else VersionError, match="XYZ1") as caught:
            files.read(data)
        assert caught.value.offset_bytes == chunks[place].offset
        assert files.first_frames(files.read_damaged(data)[0]) == [0, 5]


def test_a_skippable_chunk_between_time_and_segment_is_refused(files, golden):
    chunks = files.split(golden)
    with pytest.raises(CorruptError, match="not followed by its segment"):
        files.read(files.join([*chunks[:6], files.RawChunk(b"xYZ1", b"?"), *chunks[6:]]))


def test_unknown_flags_of_a_critical_chunk(files, golden):
    chunks = files.split(golden)
    for place, chunk in enumerate(chunks):
        data = files.join([*chunks[:place], chunk._replace(flags=1), *chunks[place + 1 :]])
        with pytest.raises(VersionError, match="flags 0x01"):
            files.read(data)
