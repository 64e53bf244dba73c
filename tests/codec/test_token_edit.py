"""Editing the tokens of a file: what is passed on stays, what is new is coded, what fails leaves nothing."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.codec import (
    OptionError,
    OutputError,
    SegmentTokens,
    StoredSegment,
    TokenEdit,
    TokenFile,
    edit_tokens,
)
from mgv.codec.token_edit import Item, grow_header, new_segment_frames
from mgv.container import Header, OtherChunk, Reader, Writer, limits, verify

pytestmark = pytest.mark.usefixtures("short_segments")
ClipMaker = Callable[..., Path]


@pytest.fixture
def coded(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> Path:
    """Segments of 33 and 7 frames, with audio."""
    path = tmp_path / "coded.mgv"
    mgv.encode(make_clip("clip.mp4", num_frames=40, with_audio=True), path, model=tiny_model, coder="raw")
    return path


def as_it_is(file: TokenFile) -> TokenEdit:
    return TokenEdit(file.header, file.metadata, file.items(), file.audio_headers)


def test_a_file_that_is_passed_on_stays_to_the_byte(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    report = edit_tokens(coded, tmp_path / "out.mgv", as_it_is, model=tiny_model)
    assert (tmp_path / "out.mgv").read_bytes() == coded.read_bytes()
    assert (report.num_segments, report.num_frames, report.file_bytes) == (2, 40, coded.stat().st_size)


def test_a_pipe_is_edited_too(coded: Path, tiny_model: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    out = io.BytesIO()
    edit_tokens(Pipe(coded.read_bytes()), out, as_it_is, model=tiny_model)
    assert out.getvalue() == coded.read_bytes()


def test_tokens_can_be_read_and_replaced(coded: Path, tiny_model: Path) -> None:
    out = io.BytesIO()

    def edit(file: TokenFile) -> TokenEdit:
        def items() -> Iterator[Item]:
            for item in file.items():
                if isinstance(item, StoredSegment) and item.number == 1:
                    tokens = file.tokens(1)
                    yield replace(tokens, ids=tokens.ids ^ 1)
                else:
                    yield item

        assert [(span.first_frame, span.num_frames) for span in file.segments] == [(0, 33), (33, 7)]
        assert file.timing(1).pts == file.tokens(1).pts
        return TokenEdit(file.header, {"title": "x"}, items(), file.audio_headers)

    edit_tokens(coded, out, edit, model=tiny_model)
    assert verify(io.BytesIO(out.getvalue())).is_whole
    with coded.open("rb") as file:
        old, new = TokenFile(file, tiny_model), TokenFile(io.BytesIO(out.getvalue()), tiny_model)
        np.testing.assert_array_equal(old.tokens(0).ids, new.tokens(0).ids)
        np.testing.assert_array_equal(old.tokens(1).ids ^ 1, new.tokens(1).ids)
        assert new.metadata == {"title": "x"}


def test_segments_may_come_in_another_order_and_are_numbered_anew(coded: Path, tiny_model: Path) -> None:
    out = io.BytesIO()

    def edit(file: TokenFile) -> TokenEdit:
        tokens = file.tokens(1)
        later = replace(tokens, pts=tuple(time + 10**6 for time in tokens.pts))
        return TokenEdit(file.header, {}, [tokens, later])

    edit_tokens(coded, out, edit, model=tiny_model)
    out.seek(0)
    entries = Reader(out).index().entries
    assert [entry.first_frame for entry in entries] == [0, 7]


def test_foreign_chunks_that_are_safe_to_copy_stay(coded: Path, tiny_model: Path) -> None:
    source, out = io.BytesIO(), io.BytesIO()
    reader = Reader(io.BytesIO(coded.read_bytes()))
    with Writer(source) as writer:
        writer.write_header(reader.header)
        writer.write_other_chunk(b"xyzz", b"kept")
        writer.write_other_chunk(b"xyzZ", b"not safe to copy")
        writer.write_segment(reader.read_segment(0).segment, reader.read_segment(0).timing)
    source.seek(0)
    edit_tokens(source, out, as_it_is, model=tiny_model)
    out.seek(0)
    chunks = [item for item in Reader(out).items() if isinstance(item, OtherChunk)]
    assert [(chunk.kind, chunk.payload) for chunk in chunks] == [(b"xyzz", b"kept")]


def test_what_fails_leaves_nothing(coded: Path, tiny_model: Path, tmp_path: Path) -> None:
    def edit(file: TokenFile) -> TokenEdit:
        def items() -> Iterator[SegmentTokens]:
            yield file.tokens(0)
            raise OptionError("no more")

        return TokenEdit(file.header, {}, items())

    with pytest.raises(OptionError, match="no more"):
        edit_tokens(coded, tmp_path / "out.mgv", edit, model=tiny_model)
    assert not list(tmp_path.glob("out.mgv*"))


def test_the_source_is_never_the_target(coded: Path, tiny_model: Path) -> None:
    with pytest.raises(OutputError, match="is the source itself"):
        edit_tokens(coded, coded, as_it_is, model=tiny_model, force=True)


@pytest.fixture
def header(coded: Path) -> Header:
    with coded.open("rb") as file:
        return replace(Reader(file).header, width=62, height=45, coded_width=62, coded_height=45)


@pytest.mark.parametrize(
    ("columns", "rows", "size"),
    [
        ((0, None), (0, None), (62, 45)),
        ((1, None), (2, None), (70, 61)),
        ((0, 0), (0, 0), (64, 48)),
        ((1, 1), (0, 2), (80, 64)),
    ],
)
def test_pictures_grow_by_whole_tokens(
    header: Header, columns: tuple[int, int | None], rows: tuple[int, int | None], size: tuple[int, int]
) -> None:
    grown = grow_header(header, columns, rows)
    assert (grown.width, grown.height) == (grown.coded_width, grown.coded_height) == size


@pytest.mark.parametrize(
    "sides", [{"width": 16380, "coded_width": 62}, {"coded_width": 16380, "width": 10920}]
)
def test_pictures_do_not_grow_beyond_the_limit(header: Header, sides: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="expected at most 16384 a side"):
        grow_header(replace(header, **sides), (1, None), (0, None))


def test_a_segment_of_too_many_tokens_is_refused(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    assert new_segment_frames(header) == header.segment_frames == 33
    assert limits.MAX_SEGMENT_TOKENS > 9 * 48
    monkeypatch.setattr("mgv.codec.token_edit.MAX_SEGMENT_TOKENS", 5 * 48)
    assert new_segment_frames(header) == 17
    monkeypatch.setattr("mgv.codec.token_edit.MAX_SEGMENT_TOKENS", 47)
    with pytest.raises(OptionError, match="48 tokens, a segment may have 47"):
        grow_header(header, (0, None), (0, None))
