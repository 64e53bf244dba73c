"""Collects the faulty files: each breaks one rule, and is named by that."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import faulty_body, faulty_frame, faulty_head, faulty_layers

EXIT_CODES = {
    "NotMgvError": 4,
    "VersionError": 4,
    "TruncatedError": 4,
    "CorruptError": 4,
    "LimitError": 4,
    "WeightsError": 5,
}
INTRODUCTION = """# Faulty files

Each breaks one rule of FORMAT.md, and all else in it is right: checksums too, unless they are the defect. Made by
`tests/make_vectors.py`; `expected.json` says the same for machines, with words of the message. A reader must refuse
each with the error named here; `mgv decode` exits with the code. Those that no reader can find before it decodes the
layers are marked *decoded*: `mgv info` finds nothing wrong with them.

| File | Defect | Error | Exit |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Fault:
    """A faulty file and what must come of it."""

    data: bytes
    defect: str
    error: str
    words: str
    is_decoded: bool

    @property
    def expected(self) -> dict[str, Any]:
        """Give the entry of expected.json."""
        return {
            "error": self.error,
            "exit_code": EXIT_CODES[self.error],
            "words": self.words,
            "is_found_by_decoding": self.is_decoded,
        }


def faults(golden: Path, *, only_names: bool = False) -> dict[str, Fault]:
    """Make every faulty file of golden ones; with `only_names`, nothing but their names."""
    found: dict[str, Fault] = {}
    for module in (faulty_frame, faulty_head, faulty_body, faulty_layers):
        for name, (defect, error, words, make) in module.FAULTS.items():
            data = b"" if only_names else make(golden)
            found[name] = Fault(data, defect, error, words, is_decoded=module is faulty_layers)
    return found


def list_faults(found: dict[str, Fault]) -> str:
    """Write README.md."""
    rows = [
        f"| {name} | {fault.defect}{' (decoded)' if fault.is_decoded else ''} | {fault.error} "
        f"| {EXIT_CODES[fault.error]} |"
        for name, fault in sorted(found.items())
    ]
    return INTRODUCTION + "\n".join(rows) + "\n"
