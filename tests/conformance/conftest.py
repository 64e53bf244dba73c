"""The golden files, what is written down of them, and the conformance model as mgv takes it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conformance.recipes.golden import read_tokens
from conformance.recipes.model import unpack

from mgv.codec.token_stream import SegmentTokens

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `golden` or `faulty` once for each such file."""
    for kind in ("golden", "faulty"):
        if kind in metafunc.fixturenames:
            paths = sorted((HERE / kind).glob("*.mgv"))
            metafunc.parametrize(kind, paths, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: for pictures as small as these more cost time."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the conformance model."""
    return unpack(HERE / "model", tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def expected() -> dict[str, dict[str, Any]]:
    """What each golden file must give."""
    return json.loads((HERE / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def expected_of_faulty() -> dict[str, dict[str, Any]]:
    """What must come of each faulty file."""
    return json.loads((HERE / "faulty" / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def tokens_of(model: Path) -> Callable[[Path], list[SegmentTokens]]:
    """Decode the tokens of a golden file, once for all tests."""
    known: dict[Path, list[SegmentTokens]] = {}

    def read(path: Path) -> list[SegmentTokens]:
        if path not in known:
            known[path] = read_tokens(path.read_bytes(), model)
        return known[path]

    return read
