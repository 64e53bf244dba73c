"""Opening an `.mgv` that is given as a path or as a binary file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..container import FormatError
from .errors import MediaError

FileOrPath = str | os.PathLike[str] | BinaryIO


@contextmanager
def open_input(source: FileOrPath) -> Iterator[BinaryIO]:
    """Open a path for reading; a binary file is given back as it is, and stays open.

    What is found wrong with the contents of a path within the block is told with its name.

    Raises:
        MediaError: the path is missing, a folder, or may not be read.
    """
    if not isinstance(source, str | os.PathLike):
        yield source
        return
    path = Path(source)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise MediaError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise MediaError(f"{path}: is a folder, expected a file") from None
    except OSError as error:
        raise MediaError(f"{path}: can't be read: {error.strerror or error}") from error
    with file:
        try:
            yield file
        except FormatError as error:
            error.message = f"{path}: {error.message}"
            raise
