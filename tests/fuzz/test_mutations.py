"""Ten thousand damaged files, half of them with CRCs that fit: only FormatError, bounded work, bounded memory."""

import gc
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from fuzz.exercise import Exerciser
from fuzz.mutations import damage, forge
from fuzz.seeds import all_seeds

NUM_MUTATIONS = {"raw": 1500, "zstd": 1000, "adaptive": 1500, "prior": 1000}
"""Of each seed, once with its CRCs as they were and once with fitting ones; 10,000 in all."""
MOST_GROWTH_BYTES = 32 << 20
MOST_PEAK_BYTES = 16 << 20
THOROUGHLY, TRACED = 40, 250
"""One mutation in so many is read in every way; and its memory is traced, which is slow."""


@pytest.fixture(scope="module")
def exerciser():
    """Made and used once, so that compiled code and tables are there before memory is measured."""
    exerciser = Exerciser()
    for data in all_seeds().values():
        exerciser.run(data)
    return exerciser


def resident_bytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_there_are_ten_thousand():
    assert 2 * sum(NUM_MUTATIONS.values()) == 10_000


def test_the_seeds_are_whole(exerciser):
    assert exerciser.num_whole == len(NUM_MUTATIONS)
    assert exerciser.num_decoded == 2 * len(NUM_MUTATIONS)
    assert exerciser.num_moving == len(NUM_MUTATIONS)


@pytest.mark.parametrize("has_fitting_crcs", [False, True])
@pytest.mark.parametrize("coder", NUM_MUTATIONS)
def test_mutations(coder, has_fitting_crcs, exerciser):
    change = forge if has_fitting_crcs else damage
    seed = all_seeds(has_extras=coder == "raw")[coder]
    rng = np.random.default_rng([has_fitting_crcs, list(NUM_MUTATIONS).index(coder)])
    num_decoded, num_moving = exerciser.num_decoded, exerciser.num_moving
    before_bytes = resident_bytes()
    for number in range(NUM_MUTATIONS[coder]):
        data = change(seed, rng)
        if number % TRACED == 0:
            tracemalloc.start()
        exerciser.run(data, thoroughly=number % THOROUGHLY == 0)
        if number % TRACED == 0:
            peak_bytes = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak_bytes < MOST_PEAK_BYTES
    assert resident_bytes() - before_bytes < MOST_GROWTH_BYTES
    # Damage reaches the entropy decoders: more often where the CRCs fit.
    assert exerciser.num_decoded - num_decoded > NUM_MUTATIONS[coder] // 4 * (1 + 2 * has_fitting_crcs)
    if coder == "raw":
        assert exerciser.num_moving - num_moving > NUM_MUTATIONS[coder] // 4 * (1 + has_fitting_crcs)
