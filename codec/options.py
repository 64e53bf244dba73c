"""The error for an option that the model or the file at hand does not have."""


class OptionError(ValueError):
    """An option is out of range, or names nothing that is known; the message says what is."""
