"""Files that appear under their name only when they are whole."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from .errors import OutputError

PART_SUFFIX = ".part"
_RESCUE_SUFFIX = ".saved" + PART_SUFFIX
_MGV_SIGNATURE = b"\x89MGV\r\n\x1a\n"

PathName = str | os.PathLike[str]


@contextmanager
def open_output(
    target: PathName | BinaryIO, *, force: bool = False, source: object = None
) -> Iterator[BinaryIO]:
    """Open a path as `atomic_output` does, or take a binary file, which stays open.

    Yields:
        A writable binary file whose failures are `OutputError`; but a closed pipe is a `BrokenPipeError`.
    """
    if isinstance(target, str | os.PathLike):
        with atomic_output(target, force=force, source=source) as file:
            yield file
    else:
        name = getattr(target, "name", None)
        guarded = _GuardedFile(target, name if isinstance(name, str) else "the output")
        yield cast(BinaryIO, guarded)
        guarded.flush()


@contextmanager
def atomic_output(path: PathName, *, force: bool = False, source: object = None) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name when the `with` block ends without an exception.

    Until then it is called `NAME.part`, in the same folder; an exception removes it, and whatever stood under
    the name before is left as it was. A killed process leaves the part, with all that was flushed. A part that
    a killed run left is written over, unless it is an `.mgv`, which `mgv repair` can save. What is no regular
    file (a pipe, `/dev/null`) is written in place.

    Args:
        path: of the file to be.
        force: replace an existing file, and an `.mgv` that a killed run left unfinished.
        source: what is being read, which must not be overwritten; only a path is looked at.

    Yields:
        A writable, seekable binary file. Its failures (disk full) are `OutputError`.

    Raises:
        OutputError: the file (or an unfinished `.mgv`) exists and `force` is not set, it is the source, or it
            can't be written there.
    """
    target = Path(path)
    if os.fspath(path).endswith(os.sep):
        raise OutputError(f"{path}: is the name of a folder; name a file in it")
    in_place = _check_target(target, force, source)
    part = target if in_place else _part_of(target, source)
    if not in_place:
        _make_way(part, force)
    with _failing_as(str(target)):
        file = part.open("wb" if in_place else "xb")
    try:
        yield cast(BinaryIO, _GuardedFile(file, str(target)))
        with _failing_as(str(target)):
            file.flush()
            if not in_place:
                _give_name(file, part, target)
            file.close()
    except BaseException:
        with suppress(OSError):
            if not in_place and _is_at(part, file):
                part.unlink()
        with suppress(OSError):
            file.close()
        raise


def make_folder(folder: Path) -> None:
    """Make a folder for output, and those above it.

    Raises:
        OutputError: that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: can't be made: {error.strerror}") from error


class _GuardedFile:
    """Passes writing on to a file, and says whose failure it was."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self.name = name

    def write(self, data: bytes) -> int:
        with _failing_as(self.name):
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) or 0 :]
        return len(data)

    def flush(self) -> None:
        with _failing_as(self.name):
            self._file.flush()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with _failing_as(self.name):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        with _failing_as(self.name):
            return self._file.tell()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return self._file.seekable() if hasattr(self._file, "seekable") else hasattr(self._file, "seek")

    @property
    def closed(self) -> bool:
        return bool(getattr(self._file, "closed", False))


@contextmanager
def _failing_as(name: str) -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, OutputError):
        raise
    except FileNotFoundError as error:
        raise OutputError(f"{name}: there is no such folder") from error
    except OSError as error:
        raise OutputError(f"{name}: can't be written: {error.strerror or error}") from error


def _check_target(target: Path, force: bool, source: object) -> bool:
    """Tell whether `target` is something to be written in place."""
    with _failing_as(str(target)):
        try:
            mode = target.stat().st_mode
        except FileNotFoundError:
            return False
    if stat.S_ISDIR(mode):
        raise OutputError(f"{target}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        return True
    if _is_same(target, source):
        raise OutputError(f"{target}: is the source itself; give the output another name")
    if not force:
        raise OutputError(f"{target}: exists already; remove it, or replace it with --force")
    return False


def _part_of(target: Path, source: object) -> Path:
    """Name the file to write to: `NAME.part`, unless just that is the source (of `mgv repair`)."""
    part = target.with_name(target.name + PART_SUFFIX)
    return target.with_name(target.name + _RESCUE_SUFFIX) if _is_same(part, source) else part


def _make_way(part: Path, force: bool) -> None:
    """Remove what a killed run left; an `.mgv` only where `force` says so."""
    with _failing_as(str(part)):
        try:
            with part.open("rb") as file:
                is_mgv = file.read(len(_MGV_SIGNATURE)) == _MGV_SIGNATURE
        except FileNotFoundError:
            return
        if is_mgv and not force and not part.name.endswith(_RESCUE_SUFFIX):
            raise OutputError(
                f"{part}: holds what an unfinished run made (killed, or still going); "
                f"save it with mgv repair, or discard it with --force"
            )
        part.unlink()


def _give_name(file: BinaryIO, part: Path, target: Path) -> None:
    os.fsync(file.fileno())  # else a power cut could leave the name on an empty file
    if not _is_at(part, file):
        raise OutputError(f"{part}: another run took it meanwhile; let one finish before the next")
    os.replace(part, target)


def _is_same(path: Path, source: object) -> bool:
    try:
        return isinstance(source, str | os.PathLike) and os.path.samefile(path, source)
    except OSError:
        return False


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Tell whether `path` still names the open `file`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except (OSError, ValueError):  # ValueError: the file is closed
        return False
