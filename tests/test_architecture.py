"""The shape of the house: import arrows, package list, file length, cheap import."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mgv

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("codec", "container", "eval", "generator", "tokenizer", "tools")
ARROWS = {
    "tools": {"codec", "container", "eval", "generator", "tokenizer"},
    "eval": {"codec", "tokenizer"},
    "generator": {"codec", "tokenizer"},
    "codec": {"container", "tokenizer"},
    "tokenizer": set(),
    "container": set(),
}
"""Room -> rooms that it may import."""
MAX_LINES = 400

SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
ALL_FILES = [ROOT / "__init__.py", *SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported_modules(path: Path) -> set[str]:
    """Absolute dotted names that a file of the package imports, submodules of the package resolved."""
    package = ("mgv", *path.relative_to(ROOT).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module,) if node.module else ())))
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "mgv" and len(parts) > 1 and parts[1] in ROOMS else None


def test_the_rooms_were_found() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} >= {
        "codec",
        "container",
        "tokenizer",
        "tools",
    }


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_follow_the_arrows(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    reached = {room_of(module) for module in imported_modules(path)} - {None, room}
    assert reached <= ARROWS[room]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_room_takes_only_the_version_from_the_root(path: Path) -> None:
    from_root = {
        module for module in imported_modules(path) if module.startswith("mgv.") and room_of(module) is None
    }
    assert from_root <= {"mgv.__version__"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_are_relative_and_climb_two_dots_at_most(path: Path) -> None:
    depth = len(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= max(2, depth + 1)
            assert node.level or (node.module or "").split(".")[0] not in ("mgv", *ROOMS)
        elif isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {"mgv", *ROOMS}


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", [ROOT / "__init__.py", *SOURCES], ids=name_of)
def test_the_first_line_says_what_a_file_does(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", "`", "?"))


def test_container_knows_no_torch() -> None:
    for path in (ROOT / "container").rglob("*.py"):
        tops = {module.split(".")[0] for module in imported_modules(path)}
        assert not tops & {"torch", "numpy", "numba", "av"}


def test_the_package_list_is_the_tree() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in SOURCES}
    found = {"mgv"} | {".".join(("mgv", *folder.relative_to(ROOT).parts)) for folder in folders}
    assert set(listed) == found
    assert len(listed) == len(set(listed))


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == mgv.__version__


@pytest.mark.parametrize(
    "code",
    [
        "import mgv",
        "from mgv.tools.cli import run; run(['--help'])",
        "from mgv.tools.cli import run; run(['--version'])",
        "from mgv.tools.cli import run; run(['encode', '--help'])",
        "from mgv.tools.cli import run; run(['info', '/does/not/exist'])",
    ],
    ids=["import", "help", "version", "help of a command", "info"],
)
def test_is_cheap(code: str) -> None:
    heavy = "torch", "numba", "av", "scipy", "matplotlib"
    check = f"sys.exit(','.join(sorted(set({heavy!r}) & set(sys.modules))) or 0)"
    script = f"import sys\n{code}\n{check}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names_are_all_there() -> None:
    for name in mgv.__all__:
        assert getattr(mgv, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        mgv.no_such_name  # noqa: B018
