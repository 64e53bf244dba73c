"""What is encoded, what is kept and what is asked about, case by case."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgv.codec import read_info
from mgv.codec.tree.find import SourceFile
from mgv.codec.tree.journal import Done, FileFacts, Run
from mgv.codec.tree.plan import make_plan, target_of

GOLDEN = Path(__file__).parents[2] / "conformance" / "golden" / "moving-raw.mgv"
SOURCE = SourceFile("a.mp4", 1000, 5)
RUN = Run("here", {"quality": "3", "coder": "raw"})
KEPT, ENCODED = "kept", "encoded"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4.mgv"
    path.write_bytes(GOLDEN.read_bytes())
    return path


@pytest.fixture(scope="module")
def done() -> Done:
    info = read_info(GOLDEN)
    facts = FileFacts(
        info.num_frames, info.header.width, info.header.height, info.file_bytes, info.bpp, 1.0, ()
    )
    return Done(RUN, SOURCE, facts)


def decide(folder: Path, entries: dict[str, Done | None], run: Run = RUN, source: SourceFile = SOURCE) -> str:
    """Give `kept`, `encoded`, or why the target is in the way."""
    plan = make_plan([source], folder, entries, run)
    assert len(plan.to_encode) + len(plan.kept) + len(plan.in_the_way) == 1
    if plan.in_the_way:
        return plan.in_the_way["a.mp4.mgv"]
    return KEPT if plan.kept else ENCODED


def test_no_two_sources_of_a_folder_have_one_target() -> None:
    names = ["a.mp4", "a.mkv", "a", "a.MP4", "b/a.mp4", "a.mp4.mgv"]
    assert len({target_of(name) for name in names}) == len(names)
    assert target_of("b/a.mp4") == "b/a.mp4.mgv"


def test_a_name_that_leaves_no_room_for_the_suffix_is_left_to_encoding(tmp_path: Path) -> None:
    source = replace(SOURCE, path="n" * 250 + ".mp4")
    assert decide(tmp_path, {}, source=source) == ENCODED


def test_a_target_that_is_not_there_is_encoded(tmp_path: Path, done: Done) -> None:
    assert decide(tmp_path, {}) == ENCODED
    assert decide(tmp_path, {"a.mp4": done}) == ENCODED
    assert decide(tmp_path, {"a.mp4": None}) == ENCODED


def test_a_whole_target_of_this_source_and_these_options_is_kept(target: Path, done: Done) -> None:
    assert decide(target.parent, {"a.mp4": done}) == KEPT
    moved = replace(RUN, root="elsewhere")
    assert decide(target.parent, {"a.mp4": done}, moved) == KEPT


def test_a_target_that_was_begun_and_not_finished_is_encoded(target: Path) -> None:
    assert decide(target.parent, {"a.mp4": None}) == ENCODED


@pytest.mark.parametrize("change", [{"num_bytes": 1001}, {"mtime_ns": 6}])
def test_a_source_that_changed_is_encoded_again(change: dict[str, int], target: Path, done: Done) -> None:
    assert decide(target.parent, {"a.mp4": done}, source=replace(SOURCE, **change)) == ENCODED


def test_another_folders_source_does_not_take_the_target(target: Path, done: Done) -> None:
    reason = decide(target.parent, {"a.mp4": done}, Run("there", RUN.options), replace(SOURCE, mtime_ns=6))
    assert reason == "was made of another folder's video"


def test_a_target_that_is_cut_or_has_no_end_is_encoded_again(target: Path, done: Done) -> None:
    whole = target.read_bytes()
    for data in (whole[:-1], whole[: len(whole) // 2], b"", b"\0" * len(whole), whole[:-200] + bytes(200)):
        target.write_bytes(data)
        assert decide(target.parent, {"a.mp4": done}) == ENCODED


def test_a_target_that_was_changed_on_purpose_is_asked_about(target: Path, done: Done) -> None:
    target.write_bytes(GOLDEN.with_name("thinned-raw.mgv").read_bytes())
    assert decide(target.parent, {"a.mp4": done}) == "was changed since it was made"


def test_a_target_that_no_run_made_is_asked_about(target: Path) -> None:
    assert decide(target.parent, {}) == "is there, and no run made it"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"quality": "5", "coder": "raw"}, "was made with quality 3 in place of 5"),
        ({"coder": "raw", "bpp": 0.1}, "was made with bpp none in place of 0.1, quality 3 in place of none"),
    ],
)
def test_other_options_are_asked_about(
    options: dict[str, str | float], reason: str, target: Path, done: Done
) -> None:
    assert decide(target.parent, {"a.mp4": done}, Run("here", options)) == reason
