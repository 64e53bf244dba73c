"""The error for an option that the model or the file at hand does not have."""

import operator


class OptionError(ValueError):
    """An option is out of range, or names nothing that is known; the message says what is."""


def whole_number(name: str, value: object) -> int:
    """Give an option that counts something as an int; OptionError if it is no whole number (3.0 and "3" are none)."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise OptionError(f"{name} is {value!r}, expected a whole number") from None
