"""The maker of golden files keeps what is there, and the files stay few and small."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MAKER = HERE.parent / "make_vectors.py"


def state() -> dict[Path, str]:
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in HERE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["still-raw"], "still-raw: there already"),
        (["model"], "model: there already"),
        (["width-zero", "no-such-name"], "width-zero: there already"),
        (["--replace"], "--replace wants the NAMEs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_overwrites_nothing_unasked(arguments: list[str], words: str) -> None:
    before = state()
    done = subprocess.run([sys.executable, MAKER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert state() == before


def test_where_all_is_there_it_changes_nothing() -> None:
    before = state()
    subprocess.run([sys.executable, MAKER], check=True)
    assert state() == before


def test_the_files_are_small() -> None:
    sizes = {
        folder: sum(p.stat().st_size for p in (HERE / folder).iterdir())
        for folder in ("model", "golden", "faulty")
    }
    assert sizes["model"] < 300_000
    assert sizes["golden"] < 100_000
    assert sizes["faulty"] < 300_000
