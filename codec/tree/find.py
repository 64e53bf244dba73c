"""The sources of a tree: every video below a folder, by its name."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import MediaError
from ..media_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES

_Identity = tuple[int, int]
"""Device and number of a folder, whatever links lead to it."""


@dataclass(frozen=True)
class SourceFile:
    """One video of a tree, and how to tell that it changed."""

    path: str
    """Relative to the root of the tree."""

    num_bytes: int
    mtime_ns: int
    """When it was last written."""


@dataclass
class FoundTree:
    """What there is in a tree."""

    files: list[SourceFile] = field(default_factory=list)
    """In order of path."""

    unreadable: dict[str, str] = field(default_factory=dict)
    """Relative path of a folder or video that can't be looked at -> why."""

    num_other: int = 0
    """Files that are no video by their name; hidden ones don't count."""


def find_sources(root: Path, *, images: bool = False, leave_out: Path | None = None) -> FoundTree:
    """Find the videos in a folder and all folders below, by suffix.

    Names that begin with a dot are passed over. Links are followed, but for those to a folder that they are in.

    Args:
        root: the folder.
        images: whether photographs are wanted too.
        leave_out: a folder that is not looked into, unless it is `root` itself.

    Raises:
        MediaError: the folder itself is missing, no folder, or can't be read.
    """
    suffixes = VIDEO_SUFFIXES | IMAGE_SUFFIXES if images else VIDEO_SUFFIXES
    tree = FoundTree()
    try:
        here = _identity(root)
        avoid = _identity(leave_out) if leave_out is not None and leave_out.is_dir() else None
        os.scandir(root).close()
    except OSError as error:
        raise MediaError(f"{root}: can't be read: {error.strerror or error}") from error
    waiting = [("", frozenset({here, avoid} - {None}))]
    while waiting:
        folder, closed = waiting.pop()
        for entry, path in _entries(root, folder, tree):
            try:
                if entry.is_dir():
                    identity = _identity(entry)
                    if identity not in closed:
                        waiting.append((path, closed | {identity}))
                elif Path(entry.name).suffix.lower() in suffixes:
                    _add(tree, entry, path)
                else:
                    tree.num_other += 1
            except OSError as error:
                tree.unreadable[path] = f"can't be read: {error.strerror or error}"
    tree.files.sort(key=lambda file: file.path)
    return tree


def _entries(root: Path, folder: str, tree: FoundTree) -> Iterator[tuple[os.DirEntry[str], str]]:
    try:
        with os.scandir(root / folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        tree.unreadable[folder] = f"folder can't be read: {error.strerror or error}"
        return
    for entry in visible:
        yield entry, os.path.join(folder, entry.name)


def _add(tree: FoundTree, entry: os.DirEntry[str], path: str) -> None:
    if not entry.is_file():  # a pipe would never end
        tree.unreadable[path] = "leads nowhere" if entry.is_symlink() else "is no regular file"
        return
    status = entry.stat()
    tree.files.append(SourceFile(path, status.st_size, status.st_mtime_ns))


def _identity(folder: Path | os.DirEntry[str]) -> _Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino
