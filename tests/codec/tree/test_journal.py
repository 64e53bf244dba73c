"""The journal of a folder: what was entered is read again, also after a kill; one run at a time."""

from pathlib import Path

import pytest

from mgv.codec import OutputError
from mgv.codec.tree.find import SourceFile
from mgv.codec.tree.journal import JOURNAL_NAME, Done, FileFacts, Journal, Run, root_hash

RUN = Run("0123456789abcdef", {"quality": "3", "coder": "raw", "effort": 0, "bpp": 0.03})
SOURCE = SourceFile("sub/a.mp4", 1000, 1_700_000_000_123_456_789)
FACTS = FileFacts(12, 64, 48, 500, 0.25, 1.5, ("10 bits per component; they are reduced to 8",))


def entries(folder: Path) -> dict[str, Done | None]:
    with Journal(folder) as journal:
        return journal.entries


def test_what_is_entered_is_read_again(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.entries == {}
        journal.begin(RUN, SOURCE.path)
        journal.begin(RUN, "b.mp4")
        journal.finish(SOURCE, FACTS)
    assert entries(tmp_path) == {"sub/a.mp4": Done(RUN, SOURCE, FACTS), "b.mp4": None}


def test_the_last_entry_counts_and_a_file_is_of_the_run_before_it(tmp_path: Path) -> None:
    other = Run("f" * 16, {"quality": "5"})
    for run in (RUN, other):
        with Journal(tmp_path) as journal:
            journal.begin(run, SOURCE.path)
            journal.finish(SOURCE, FACTS)
    assert entries(tmp_path) == {"sub/a.mp4": Done(other, SOURCE, FACTS)}
    with Journal(tmp_path) as journal:
        journal.begin(RUN, SOURCE.path)
    assert entries(tmp_path) == {"sub/a.mp4": None}


def test_any_file_name_goes_through(tmp_path: Path) -> None:
    source = SourceFile('\udcff line\nend "quoted" \u00fc.mp4', 1, 2)
    with Journal(tmp_path) as journal:
        journal.begin(RUN, source.path)
        journal.finish(source, FACTS)
    assert entries(tmp_path) == {source.path: Done(RUN, source, FACTS)}


def test_a_line_that_a_kill_cut_costs_that_line_alone(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.begin(RUN, SOURCE.path)
        journal.finish(SOURCE, FACTS)
        journal.begin(RUN, "b.mp4")
    path = tmp_path / JOURNAL_NAME
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    for size in range(last, len(whole) - 2):
        path.write_bytes(whole[:size])
        with Journal(tmp_path) as journal:
            assert journal.entries == {SOURCE.path: Done(RUN, SOURCE, FACTS)}
            journal.begin(RUN, "c.mp4")
        assert entries(tmp_path) == {SOURCE.path: Done(RUN, SOURCE, FACTS), "c.mp4": None}


@pytest.mark.parametrize(
    "line", ["", "[]", "3", "null", '{"done": "x"}', '{"run": 1}', "{", '{"begun": {}}', "\x00"]
)
def test_lines_that_no_run_wrote_are_passed_over(line: str, tmp_path: Path) -> None:
    (tmp_path / JOURNAL_NAME).write_text(f'{{"done": "early"}}\n{line}\n{{"begun": "a.mp4"}}\n', "utf-8")
    assert entries(tmp_path) == {"a.mp4": None}


def test_a_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(OutputError, match="another run is writing to this folder"):
        Journal(tmp_path)
    with Journal(tmp_path):
        pass


def test_a_run_that_does_nothing_writes_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path):
        pass
    assert (tmp_path / JOURNAL_NAME).read_bytes() == b""


def test_a_journal_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_NAME).mkdir()
    with pytest.raises(OutputError, match=r"mgv-encode.jsonl: can't be written: Is a directory"):
        Journal(tmp_path)


def test_a_folder_is_known_again_but_not_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert root_hash(tmp_path / "link") == root_hash(tmp_path) != root_hash(tmp_path.parent)
    assert len(root_hash(tmp_path)) == 16
