"""The account of what runs made in a folder: a file of JSON lines, added to as files are begun and done."""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import OutputError
from .find import SourceFile

JOURNAL_NAME = "mgv-encode.jsonl"

Options = Mapping[str, str | int | float | None]
"""What decides, with the source, what a file comes to."""


@dataclass(frozen=True)
class FileFacts:
    """What the encoding of one file came to."""

    num_frames: int
    width: int
    height: int
    file_bytes: int
    bpp: float
    seconds: float
    """It took."""

    warnings: tuple[str, ...]
    """What of the source could not be kept."""


@dataclass(frozen=True)
class Run:
    """What the files of one run have in common."""

    root: str
    """What `root_hash` gives for the folder of the sources."""

    options: Options


@dataclass(frozen=True)
class Done:
    """A finished file, as the journal has it."""

    run: Run
    source: SourceFile
    facts: FileFacts


class Journal:
    """The journal of a folder, open for one run alone; use it in a `with` statement.

    Attributes:
        entries: by path of the source, `Done` or, where a file was begun and not finished, None.
    """

    def __init__(self, folder: Path) -> None:
        """Open the journal, or begin one, and read it.

        Args:
            folder: of the `.mgv` files; it exists.

        Raises:
            OutputError: it can't be written, or another run writes it now.
        """
        self._path = folder / JOURNAL_NAME
        try:
            self._file = self._path.open("a+", encoding="utf-8")
            try:
                self._lock()
                self.entries: dict[str, Done | None] = {}
                self._read()
            except BaseException:
                self._file.close()
                raise
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written: {error.strerror or error}") from error
        self._has_run = False

    def begin(self, run: Run, path: str) -> None:
        """Enter that a source is being encoded, before a byte is written of its file."""
        if not self._has_run:
            self._write({"run": {"root": run.root, "options": dict(run.options)}})
            self._has_run = True
        self._write({"begun": path})

    def finish(self, source: SourceFile, facts: FileFacts) -> None:
        """Enter that the file of a source is whole."""
        stamp = {"source_bytes": source.num_bytes, "source_mtime_ns": source.mtime_ns}
        self._write({"done": source.path, **stamp, **asdict(facts)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{self._path.parent}: another run is writing to this folder; let it finish"
            ) from None
        except OSError:  # some network file systems have no locks: there, take care yourself
            pass

    def _read(self) -> None:
        self._file.seek(0)
        run: Run | None = None
        line = "\n"
        for line in self._file:
            try:
                run = self._take(json.loads(line), run)
            except (ValueError, TypeError, KeyError):
                continue  # a line that a killed run did not finish
        if not line.endswith("\n"):
            self._file.write("\n")

    def _take(self, entry: dict[str, Any], run: Run | None) -> Run | None:
        if "run" in entry:
            return Run(entry["run"]["root"], dict(entry["run"]["options"]))
        if "begun" in entry:
            self.entries[entry["begun"]] = None
        elif run is not None:
            source = SourceFile(entry["done"], entry["source_bytes"], entry["source_mtime_ns"])
            facts = {name: entry[name] for name in FileFacts.__dataclass_fields__}
            facts["warnings"] = tuple(facts["warnings"])
            self.entries[source.path] = Done(run, source, FileFacts(**facts))
        return run

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written: {error.strerror or error}") from error


def root_hash(root: Path) -> str:
    """Tell a folder from others without telling its name, for a journal is given away with its data set."""
    return hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
