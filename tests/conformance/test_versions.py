"""Each row of FORMAT.md 7, on what a reader does with files of other versions, is proved by a file."""

import io
import re
from importlib import resources
from pathlib import Path

import pytest

from mgv.container import FormatError, Reader, verify

HERE = Path(__file__).parent
PROOFS = {
    "`major` is not 1": ("refuse", ["major-version-0", "major-version-2"]),
    "`minor` is not 0": ("go on", ["newer-minor-zstd"]),
    "bytes in `extension` of HEAD or AHDR, `minor` is 0": (
        "refuse",
        ["head-extension-in-known-minor", "audio-header-extension-in-known-minor"],
    ),
    "bytes in `extension` of HEAD or AHDR, `minor` is not 0": ("go on", ["newer-minor-zstd"]),
    "a skippable chunk of unknown type or with flags": ("go on", ["unknown-chunks-raw", "newer-minor-zstd"]),
    "a critical chunk of unknown type or with flags": (
        "refuse",
        [
            "unknown-critical-chunk",
            "unknown-critical-chunk-in-newer-minor",
            "head-flags-unknown",
            "segment-flags-unknown",
        ],
    ),
    "an unknown `coder`": ("refuse to decode", ["coder-unknown"]),
}
"""What is in a file -> what its reader does, and the files that show it."""


def test_the_table_has_these_rows() -> None:
    text = resources.files("mgv.container").joinpath("FORMAT.md").read_text("utf-8")
    table = text[text.index("## 7. Versions") : text.index("## 8. ")]
    rows = re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)[1:]
    assert [row for row, _ in rows] == list(PROOFS)
    for row, does in rows:
        assert ("refuse" in does) == ("refuse" in PROOFS[row][0])


@pytest.mark.parametrize(
    ("outcome", "name"), [(outcome, name) for outcome, names in PROOFS.values() for name in names]
)
def test_the_reader_does_that(outcome: str, name: str) -> None:
    folder = "faulty" if outcome.startswith("refuse") else "golden"
    file = io.BytesIO((HERE / folder / f"{name}.mgv").read_bytes())
    if outcome == "refuse":
        with pytest.raises(FormatError):
            list(Reader(file).events())
    else:  # that `coder-unknown` is not decoded is shown by test_faulty
        assert verify(file).is_whole
