"""Weights come from safetensors only: files that could run code are refused, and nothing of them is run."""

import ast
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mgv.codec.models import open_coder, open_tokenizer
from mgv.tokenizer import WeightsError

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("codec", "container", "eval", "generator", "tokenizer", "tools")
SOURCES = [ROOT / "__init__.py", *sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.mkdir, (self.folder,)


def write_pickle(path: Path, trap: Trap) -> None:
    path.write_bytes(pickle.dumps(trap))


def write_torch(path: Path, trap: Trap) -> None:
    torch.save({"decoder.weight": trap}, path)


def write_numpy(path: Path, trap: Trap) -> None:
    with path.open("wb") as file:
        np.savez(file, weights=np.array([trap], object))


WRITERS = {"pickle": write_pickle, "torch": write_torch, "npz": write_numpy}


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.mark.parametrize("kind", WRITERS)
def test_the_trap_works(kind: str, tmp_path: Path) -> None:
    """Whoever did load such a file would run what is in it."""
    path, folder = tmp_path / "trap", tmp_path / "sprung"
    WRITERS[kind](path, Trap(folder))
    if kind == "pickle":
        pickle.loads(path.read_bytes())
    elif kind == "torch":
        torch.load(path, weights_only=False)
    else:
        np.load(path, allow_pickle=True)["weights"]
    assert folder.is_dir()


@pytest.mark.parametrize("kind", WRITERS)
def test_weights_that_are_no_safetensors_are_refused(kind: str, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sprung"
    WRITERS[kind](model / "tokenizer.safetensors", Trap(folder))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        open_tokenizer(model)
    assert not folder.exists()


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_in_place_of_a_model_folder_is_refused(kind: str, tmp_path: Path) -> None:
    path, folder = tmp_path / "model.pt", tmp_path / "sprung"
    WRITERS[kind](path, Trap(folder))
    with pytest.raises(WeightsError, match=r"model\.pt is no model"):
        open_tokenizer(path)
    assert not folder.exists()


@pytest.mark.parametrize("kind", WRITERS)
def test_parameters_of_a_coder_that_are_no_safetensors_are_refused(
    kind: str, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sprung"
    WRITERS[kind](model / "adaptive.safetensors", Trap(folder))
    with pytest.raises(WeightsError, match="adaptive"):
        open_coder("adaptive", open_tokenizer(model))
    assert not folder.exists()


def calls_that_could_run_a_file(source: str) -> list[str]:
    """List the calls of unpicklers, of eval and exec, and of loaders that unpickle unless told not to."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
        is_unpickler = name.split(".")[0] in ("pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle")
        if (
            name in ("eval", "exec", "compile", "__import__")
            or is_unpickler
            or (name in ("torch.load", "load") and keywords.get("weights_only") != "True")
            or (name in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False")
        ):
            found.append(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_the_package_could_run_a_file(path: Path) -> None:
    assert calls_that_could_run_a_file(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "pickle.load(f)",
        "eval(t)",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "np.load(p)",
        "exec(t)",
    ],
)
def test_such_calls_are_found(source: str) -> None:
    assert len(calls_that_could_run_a_file(source)) == 1
