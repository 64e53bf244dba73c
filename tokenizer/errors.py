"""What can go wrong with weights and with shards to train on."""


class WeightsError(ValueError):
    """Weights are missing, damaged, of another hash or of another shape than asked for."""


class ShardError(ValueError):
    """A folder holds no shards, damaged ones, or none that training can use."""
