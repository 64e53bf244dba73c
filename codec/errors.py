"""Errors of media input and output; what is wrong with an `.mgv` itself is a `mgv.container.FormatError`."""


class MediaError(ValueError):
    """A source is missing, a folder, or can't be read as video."""


class OutputError(OSError):
    """The output exists already, can't be written, or can't hold what is asked of it."""


class MissingToolError(RuntimeError):
    """An external program or library is not there; the message says how to get it."""
