"""The fuzz target runs, without atheris, on its seeds and on what its own mutator makes of them."""

import numpy as np
import pytest
from fuzz import exercise, framing, mutations, seeds
from fuzz.fuzz_mgv import GOLDEN, make_mutator, make_target, write_corpus


@pytest.fixture(scope="module")
def target():
    return make_target()


def shift_one_byte(data: bytes, max_size: int) -> bytes:
    """Stand in for libFuzzer's mutation."""
    return (data[1:] + data[:1])[:max_size]


def test_seeds(target):
    for data in seeds.all_seeds().values():
        assert framing.refit(data) == data
        target(data)


def test_odd_inputs(target):
    for data in (b"", b"\x89", bytes(8), bytes(40), framing.SIGNATURE + b"HEAD" + bytes(13)):
        target(data)


def test_mutated_inputs(target):
    mutate = make_mutator(shift_one_byte)
    changed = 0
    for data in seeds.all_seeds().values():
        for seed in range(40):
            mutant = mutate(data, 4096, seed)
            assert len(mutant) <= 4096
            assert mutate(data, 4096, seed) == mutant
            changed += mutant != data
            target(mutant)
    assert changed > 100


def test_an_error_that_is_no_format_error_is_a_finding(monkeypatch):
    def fail(*arguments):
        raise IndexError("out of bounds")

    exerciser = exercise.Exerciser()
    monkeypatch.setattr(exercise, "verify", fail)
    with pytest.raises(IndexError):
        exerciser.run(seeds.make_seed(0))


def test_reading_without_end_is_a_finding():
    file = exercise.CountingFile(bytes(10))

    def read_again_and_again():
        for _ in range(1000):
            file.seek(0)
            file.read(1)

    with pytest.raises(AssertionError, match="read too"):
        read_again_and_again()


def test_crcs_are_made_to_fit():
    rng = np.random.default_rng(0)
    seed = seeds.make_seed(0)
    damaged = mutations.flip_bits(seed, rng)
    assert framing.refit(damaged) not in (seed, damaged)
    assert framing.split(seed)[0] == framing.SIGNATURE
    assert b"".join(framing.split(damaged)) == damaged


def test_the_corpus_has_the_golden_files(tmp_path):
    write_corpus(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"seed-raw.mgv", "seed-zstd.mgv", "seed-adaptive.mgv", "seed-prior.mgv"} <= names
    small = [path for path in GOLDEN.rglob("*.mgv") if path.stat().st_size <= 4096]
    assert len(names) == 4 + len(small)
