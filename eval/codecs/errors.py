"""The error of a codec that was there but failed."""


class CodecError(RuntimeError):
    """An encoder or decoder failed, or gave other frames than it was to; holds its last words."""
