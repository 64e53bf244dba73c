"""How the coders' integer loops are compiled.

Numba keeps what it compiled beside the source or in the user's cache, and looks whether the file with the loop changed,
not those with its parts: after a change to a part alone, delete `__pycache__/*.nb*`. Where neither can be written (a
service without a home, a package that is read-only), each process compiles anew.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic

Loop = Callable[..., Any]
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}


def _jit(function: Loop, *signature: str, **options: Any) -> Loop:
    """Compile a function, and keep the result for later processes where there is a place for it."""
    njit: Any = numba.njit
    try:
        loop: Loop = njit(*signature, cache=True, **options)(function)
    except RuntimeError:  # numba found no folder that it can write to
        loop = njit(*signature, **options)(function)
    return loop


def compiled(function: Loop) -> Loop:
    """Compile a loop that makes no arrays, at its first call; other threads run on beside it.

    Without numba's counting of references, which would cost more than half of the time: the arrays of a caller
    outlive the call, and a loop that makes arrays of its own does not compile.
    """
    return _jit(function, **_OPTIONS)


def compiled_for(signature: str) -> Callable[[Loop], Loop]:
    """Compile a function for one signature, when it is defined."""
    return lambda function: _jit(function, signature)


def inlined(function: Loop) -> Loop:
    """Make a function a part of each `compiled` loop that calls it."""
    return _jit(function, inline="always")


@inlined
def index(number):  # type: ignore[no-untyped-def]
    """Say that an index is not negative, so that numba does not ask whether it counts from the end.

    Nothing checks it: a negative one would read or write far outside the array. The result is for indexing alone; numba
    makes a float of it and an int64.
    """
    return np.uint64(number)


def generated(function: Loop) -> Loop:
    """Let `compiled` loops call a function whose instructions another one writes.

    Args:
        function: given the types of arguments, returns a signature and what writes LLVM's instructions.
    """
    part: Loop = intrinsic(function)
    return part
