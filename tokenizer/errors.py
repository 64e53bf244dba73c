"""What can go wrong with weights, with training runs and with the shards that they train on."""


class WeightsError(ValueError):
    """Weights are missing, damaged, of another hash or of another shape than asked for."""


class ShardError(ValueError):
    """A folder holds no shards, damaged ones, or none that training can use."""


class RunConfigError(ValueError):
    """A training run asks its model for what that does not have, or starts from one that it does not fit."""
