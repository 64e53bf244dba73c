"""Where an element of a sequence stands: its part and its coordinates."""

from enum import IntEnum


class Part(IntEnum):
    """What part of a sequence an element belongs to."""

    CONTROL = 0
    TEXT = 1
    GIVEN = 2
    HINT = 3
    DEPTH = 4
    FLOW = 5
    AUDIO_IN = 6
    VIDEO_OUT = 7
    AUDIO_OUT = 8


class Place(IntEnum):
    """Columns of a place. -1 is for what an element does not have."""

    PART = 0
    FRAME = 1
    ROW = 2
    COLUMN = 3
    IS_IMAGE = 4
    LEVEL = 5
    STEP = 6
