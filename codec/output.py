"""Files that appear under their name only when they are whole."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from .errors import OutputError

PART_SUFFIX = ".part"


@contextmanager
def open_output(target: str | os.PathLike[str] | BinaryIO, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a path as `atomic_output` does, or take a binary file, which stays open.

    Yields:
        A writable binary file whose failures are `OutputError`; but a closed pipe is a `BrokenPipeError`.
    """
    if isinstance(target, str | os.PathLike):
        with atomic_output(target, force=force) as file:
            yield file
    else:
        name = getattr(target, "name", None)
        guarded = _GuardedFile(target, name if isinstance(name, str) else "the output")
        yield cast(BinaryIO, guarded)
        guarded.flush()


@contextmanager
def atomic_output(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name when the `with` block ends without an exception.

    Until then it is called `NAME.part`, in the same folder; an exception removes it, and whatever stood under
    the name before is left as it was. What is no regular file (a pipe, `/dev/null`) is written in place.

    Args:
        path: of the file to be.
        force: replace an existing file.

    Yields:
        A writable, seekable binary file. Its failures (disk full) are `OutputError`.

    Raises:
        OutputError: the file exists and `force` is not set, or it can't be written there.
    """
    target = Path(path)
    in_place = _check_target(target, force)
    part = target if in_place else target.with_name(target.name + PART_SUFFIX)
    with _failing_as(str(target)):
        file = part.open("wb")
    try:
        yield cast(BinaryIO, _GuardedFile(file, str(target)))
        with _failing_as(str(target)):
            file.close()
            if not in_place:
                os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            file.close()
            if not in_place:
                part.unlink()
        raise


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


def _check_target(target: Path, force: bool) -> bool:
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
    if not force:
        raise OutputError(f"{target}: exists already; remove it or ask to overwrite it")
    return False
