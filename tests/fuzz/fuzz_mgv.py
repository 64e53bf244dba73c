"""Coverage-guided fuzz target for the container reader and the entropy decoders; README.md says how to run it."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "conformance"
MOST_TOKEN_BITS = 300
"""Python decodes some thousand bits a second, and is what coverage can see."""


def make_target() -> Callable[[bytes], None]:
    """Make the function that is called with each input."""
    from fuzz import exercise, framing

    exerciser = exercise.Exerciser(MOST_TOKEN_BITS)

    def test_one_input(data: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numbers that are to wrap round
            exerciser.run(framing.refit(data))

    return test_one_input


def make_mutator(mutate: Callable[[bytes, int], bytes]) -> Callable[[bytes, int, int], bytes]:
    """Make libFuzzer's custom mutator: its own edits inside of payloads, and those of the tests.

    Args:
        mutate: libFuzzer's mutation of bytes, up to a length.
    """
    from fuzz import mutations

    def edit(data: bytes, rng: np.random.Generator) -> bytes:
        return mutate(data, len(data) + 32)

    def custom_mutator(data: bytes, max_size: int, seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        choice = rng.integers(8)
        if choice == 0:
            changed = mutations.damage(data, rng)
        elif choice < 4:
            changed = mutations.forge(data, rng)
        else:
            changed = mutations.forge(data, rng, edit)
        return changed[:max_size]

    return custom_mutator


def write_corpus(folder: Path) -> None:
    """Put the seeds, and the golden and faulty files of tests/conformance, into a folder."""
    from fuzz import seeds

    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.all_seeds().items():
        (folder / f"seed-{name}.mgv").write_bytes(data)
    for path in sorted(GOLDEN.rglob("*.mgv")):
        if path.stat().st_size <= 4096:
            (folder / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())


def main() -> None:
    """Run libFuzzer with the options of the command line; the first that is no option is the corpus folder."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"  # before any import of numba
    sys.path.insert(0, str(HERE.parent))
    import atheris

    with atheris.instrument_imports(include=["mgv"]):
        from fuzz import exercise  # noqa: F401 - imports the rest of what is fuzzed

        import mgv.codec.entropy.prior  # noqa: F401 - else imported too late to be seen

    def mutate(data: bytes, max_size: int) -> bytes:
        return atheris.Mutate(data, max_size)  # another function once Fuzz has begun

    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders and not folders[0].is_file():
        write_corpus(folders[0])
    atheris.Setup(sys.argv, make_target(), custom_mutator=make_mutator(mutate))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
