"""What can go wrong with weights."""


class WeightsError(ValueError):
    """Weights are missing, damaged, of another hash or of another shape than asked for."""
