"""Finding the videos of a tree: names, hidden files, links, loops, what can't be read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mgv.codec import MediaError
from mgv.codec.tree.find import find_sources


@pytest.fixture
def make_tree(tmp_path: Path) -> Callable[..., Path]:
    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * len(name))
        return tmp_path

    return make


def paths(root: Path, **options: object) -> list[str]:
    return [file.path for file in find_sources(root, **options).files]  # type: ignore[arg-type]


def test_videos_are_found_at_any_depth_in_order_of_path(make_tree: Callable[..., Path]) -> None:
    root = make_tree("z.mp4", "a/b/c/deep.MKV", "a/d.webm", "notes.txt", "a/b/photo.JPG", "a/old.mgv")
    tree = find_sources(root)
    assert [(file.path, file.num_bytes) for file in tree.files] == [
        ("a/b/c/deep.MKV", 14),
        ("a/d.webm", 8),
        ("z.mp4", 5),
    ]
    assert tree.files[2].mtime_ns == (root / "z.mp4").stat().st_mtime_ns
    assert (tree.num_other, tree.unreadable) == (3, {})
    assert "a/b/photo.JPG" in paths(root, images=True)


def test_hidden_files_and_folders_are_passed_over(make_tree: Callable[..., Path]) -> None:
    root = make_tree("a.mp4", "._a.mp4", ".trash/b.mp4", "c/.d/e.mp4")
    tree = find_sources(root)
    assert [file.path for file in tree.files] == ["a.mp4"]
    assert tree.num_other == 0


def test_a_hidden_root_is_what_was_asked_for(make_tree: Callable[..., Path]) -> None:
    assert paths(make_tree(".videos/a.mp4") / ".videos") == ["a.mp4"]


def test_links_are_followed_and_loops_end(make_tree: Callable[..., Path]) -> None:
    root = make_tree("in/a/x.mp4", "elsewhere/y.mp4") / "in"
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a")
    (root / "other").symlink_to(root.parent / "elsewhere")
    (root / "z.mp4").symlink_to(root / "a" / "x.mp4")
    assert paths(root) == ["a/x.mp4", "other/y.mp4", "z.mp4"]


def test_two_links_into_each_other_end_too(make_tree: Callable[..., Path]) -> None:
    root = make_tree("p/a.mp4", "q/b.mp4")
    (root / "p" / "q").symlink_to(root / "q")
    (root / "q" / "p").symlink_to(root / "p")
    assert paths(root) == ["p/a.mp4", "p/q/b.mp4", "q/b.mp4", "q/p/a.mp4"]


def test_what_leads_nowhere_or_is_no_file_is_listed(make_tree: Callable[..., Path]) -> None:
    root = make_tree("a.mp4")
    (root / "gone.mp4").symlink_to(root / "nothing")
    (root / "round.mp4").symlink_to(root / "round.mp4")
    os.mkfifo(root / "pipe.mp4")
    tree = find_sources(root)
    assert [file.path for file in tree.files] == ["a.mp4"]
    assert tree.unreadable["gone.mp4"] == "leads nowhere"
    assert tree.unreadable["pipe.mp4"] == "is no regular file"
    assert "round.mp4" in tree.unreadable


def test_a_folder_with_the_name_of_a_video_is_a_folder(make_tree: Callable[..., Path]) -> None:
    assert paths(make_tree("season.mp4/a.mp4")) == ["season.mp4/a.mp4"]


def test_the_folder_of_the_results_is_left_out(make_tree: Callable[..., Path]) -> None:
    root = make_tree("a.mp4", "out/b.mp4")
    assert paths(root, leave_out=root / "out") == ["a.mp4"]
    assert paths(root, leave_out=root) == ["a.mp4", "out/b.mp4"]
    assert paths(root, leave_out=root / "not yet there") == ["a.mp4", "out/b.mp4"]


def test_a_folder_that_can_not_be_read_is_listed(
    make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_tree("a.mp4", "locked/b.mp4")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)  # root may read everything, so chmod would not do
    tree = find_sources(root)
    assert [file.path for file in tree.files] == ["a.mp4"]
    assert tree.unreadable == {"locked": "folder can't be read: Permission denied"}
    with pytest.raises(MediaError, match="locked: can't be read: Permission denied"):
        find_sources(root / "locked")


@pytest.mark.parametrize("name", ["missing", "a.mp4"])
def test_what_is_no_folder(name: str, make_tree: Callable[..., Path]) -> None:
    with pytest.raises(MediaError, match=f"{name}: can't be read"):
        find_sources(make_tree("a.mp4") / name)
