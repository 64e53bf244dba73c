"""What is evaluated: a case, and the callables from outside that predict or fill it."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Clip = NDArray[np.float32]
"""`[T, H, W, 3]`, RGB in [0, 1]."""

Ids = NDArray[np.int64]
"""Tokens `[t, h, w]`."""

Pad = Callable[[Clip, NDArray[np.bool_]], Clip]
"""Takes a clip and the pixels of it that are given, `[T, H, W]`; gives a clip in which all others are made up."""


class Case(Protocol):
    """A window of tokens that no generator saw, and what a task gives of it."""

    @property
    def clip(self) -> str:
        """Name of the clip that the window is from."""

    @property
    def task(self) -> str:
        """`FP` to `CFP`."""

    @property
    def ids(self) -> Ids:
        """The truth, int64 `[t, h, w]`."""

    @property
    def bit_depth(self) -> int:
        """Bits of each id."""

    @property
    def kept(self) -> NDArray[np.bool_]:
        """`[t, h, w]`: tokens that are copied; nothing there is measured."""

    @property
    def given(self) -> NDArray[np.bool_]:
        """`[T, H, W]`: pixels that are given; nothing there is measured."""


CaseT = TypeVar("CaseT", bound=Case)

Predict = Callable[[CaseT], NDArray[np.float32]]
"""Gives the bits that each token of a case takes, `[t, h, w]`; what it says where tokens are kept is not looked at."""

Fill = Callable[[CaseT], Ids]
"""Makes the tokens of a case that are not kept."""
