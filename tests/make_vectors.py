"""Makes the conformance model, the golden files and the faulty ones; what is there already is kept.

    python tests/make_vectors.py                        # make what is missing
    python tests/make_vectors.py --replace NAME...      # make these anew: only for a reason that CHANGELOG.md gives
    python tests/make_vectors.py --dumps                # write info/*.json anew, after a change of `mgv info --json`

A NAME is that of a file in golden/ or faulty/ without its suffix, or `model`, which every golden file goes with, or
`prior`, the part of it that the coder of this name needs.
A file made with another version of zstd, torch or FFmpeg may differ, and be as good.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

CONFORMANCE = Path(__file__).parent / "conformance"
MODEL, GOLDEN, FAULTY, INFO = (CONFORMANCE / name for name in ("model", "golden", "faulty", "info"))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="what to make; all that is missing by default"
    )
    parser.add_argument("--replace", action="store_true", help="overwrite what is there")
    parser.add_argument("--dumps", action="store_true", help="write info/*.json anew")
    options = parser.parse_args()
    if options.replace and not options.names:
        parser.error("--replace wants the NAMEs of what is to be made anew")
    there = [name for name in options.names if exists(name)]
    if there and not options.replace:
        parser.error(
            f"{', '.join(there)}: there already; files must decode for ever, --replace makes them anew"
        )
    make(set(options.names), write_dumps=options.dumps)


def exists(name: str) -> bool:
    """Tell whether there is such a file, or for `model` and `prior` such a part of the model."""
    if name in ("model", "prior"):
        return (MODEL / ("model.json" if name == "model" else "prior.safetensors.zst")).exists()
    return any((folder / f"{name}.mgv").exists() for folder in (GOLDEN, FAULTY))


def make(wanted: set[str], *, write_dumps: bool) -> None:
    """Make what is wanted, or whatever is missing if nothing is named; change nothing else."""
    from conformance.recipes.expected import describe
    from conformance.recipes.faulty import faults
    from conformance.recipes.golden import Kitchen, dump_info, recipes
    from conformance.recipes.model import make_model, make_prior, unpack

    unknown = wanted - {"model", "prior", *recipes(), *faults(GOLDEN, only_names=True)}
    if unknown:
        sys.exit(f"make_vectors: no recipe for {', '.join(sorted(unknown))}")
    for folder in (MODEL, GOLDEN, FAULTY, INFO):
        folder.mkdir(exist_ok=True)
    if is_wanted("model", wanted):
        make_model(MODEL)
    if is_wanted("prior", wanted):
        make_prior(MODEL)
    facts = read_facts(CONFORMANCE)
    with tempfile.TemporaryDirectory() as folder:
        kitchen = Kitchen(unpack(MODEL, Path(folder)), GOLDEN)
        for name, (scene, recipe) in recipes().items():
            path = GOLDEN / f"{name}.mgv"
            is_made = is_wanted(name, wanted)
            if is_made:
                path.write_bytes(recipe(kitchen))
                facts[name] = describe(path, scene, kitchen.model)
            if is_made or write_dumps:
                (INFO / f"{name}.json").write_text(dump_info(path), "utf-8")
    write_facts(CONFORMANCE, facts)
    make_faulty(faults(GOLDEN), wanted)


def make_faulty(faults: dict[str, Any], wanted: set[str]) -> None:
    """Write faulty files, what they must give, and the list of them."""
    from conformance.recipes.faulty import list_faults

    for name, fault in faults.items():
        if is_wanted(name, wanted):
            (FAULTY / f"{name}.mgv").write_bytes(fault.data)
    write_facts(FAULTY, {name: fault.expected for name, fault in faults.items()})
    (FAULTY / "README.md").write_text(list_faults(faults), "utf-8")


def is_wanted(name: str, wanted: set[str]) -> bool:
    """Tell whether to make a file: it is named, or nothing is and it is missing."""
    return name in wanted if wanted else not exists(name)


def read_facts(folder: Path) -> dict[str, Any]:
    """Read expected.json; empty where there is none."""
    path = folder / "expected.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write expected.json, a list on one line."""
    lines = [f" {json.dumps(name)}: {json.dumps(facts[name], ensure_ascii=False)}" for name in sorted(facts)]
    (folder / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
