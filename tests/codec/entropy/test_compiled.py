"""Compiling where numba has no place to keep what it compiled."""

import numba.core.caching
import numpy as np
import pytest

from mgv.codec.entropy.compiled import compiled, compiled_for


def add_up(numbers):
    total = 0
    for number in numbers:
        total += number
    return total


@pytest.fixture
def no_cache(monkeypatch):
    """Leave numba no folder that it could write to."""
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(add_up)


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("make", [compiled, compiled_for("int64(int64[::1])")], ids=["lazy", "signature"])
def test_each_process_compiles_anew(make):
    assert make(add_up)(np.arange(10)) == 45
