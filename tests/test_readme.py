"""README tells the truth: its commands and options exist, its files are there, its Python names resolve."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import click
import pytest

import mgv
from mgv.tools.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
CALLS = [
    shlex.split(call, comments=True)
    for block in SHELL
    for line in block.splitlines()
    for call in re.split(r"[|]|&&", line)
    if call.strip().startswith("mgv ")
]


def test_the_examples_were_found() -> None:
    assert len(CALLS) > 15


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_commands_and_options_exist(call: list[str]) -> None:
    name, rest = call[1], call[2:]
    command = getattr(import_module(f"mgv.tools.{COMMANDS[name][0]}"), name.replace("-", "_"))
    if isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    if not rest:
        assert not any(parameter.required for parameter in arguments)


def test_linked_files_are_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert all((ROOT / link).is_file() for link in links if "://" not in link)


def test_python_names_resolve() -> None:
    names = set(re.findall(r"\bmgv\.([a-z_]+)\(", TEXT))
    assert names >= {"encode", "decode", "open", "load_tokenizer"}
    assert all(callable(getattr(mgv, name)) for name in names)


def test_the_test_command_is_what_ci_runs() -> None:
    (command,) = (line for block in SHELL for line in block.splitlines() if "pytest" in line)
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert command.replace("pip install", "pip install --quiet") in script
