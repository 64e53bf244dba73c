"""What can be wrong with data to learn from."""


class DataError(ValueError):
    """A folder, sidecar or configuration from which no generator can be trained."""
