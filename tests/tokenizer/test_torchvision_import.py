"""Importing torchvision beside whatever torch there is; each case in a process of its own."""

import subprocess
import sys

import pytest


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_torchvision_and_lpips_import() -> None:
    code = (
        "from mgv.tokenizer.torchvision_import import import_torchvision as f\n"
        "assert f() is f()\n"
        "import lpips, torch, torchvision.transforms.v2\n"
        "from torchvision.models import squeezenet1_1\n"
        "print(tuple(squeezenet1_1(weights=None)(torch.zeros(1, 3, 64, 64)).shape))\n"
    )
    assert run(code).strip() == "(1, 1000)"


def test_another_failure_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from mgv.tokenizer import torchvision_import

    def fail(name: str) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(torchvision_import.importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="disk on fire"):
        torchvision_import.import_torchvision()
