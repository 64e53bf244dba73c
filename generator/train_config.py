"""What a generator's training run is, whichever generator; the rest of its TOML belongs to the generator."""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from .errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class RunSettings:
    """Data, steps and optimizer; the defaults are those of thesis 6.5.6, but for a batch that fits one machine."""

    train_folders: tuple[str, ...]
    """Of `.mgv` files."""
    validation_folders: tuple[str, ...]
    tokenizer: str = "mgv-s"
    """That the files were made with: a name or a folder."""
    steps: int = 100_000
    batch_size: int = 16
    learning_rate: float = 1e-4
    warmup_steps: int = 1000
    weight_decay: float = 0.045
    betas: tuple[float, float] = (0.9, 0.96)
    gradient_clip: float = 1.0
    ema_decay: float = 0.999
    """Of the moving average of the weights, which is what is exported; 0 exports the weights themselves, as FSDP
    needs it, where no process holds a whole model to average."""
    seed: int = 0
    checkpoint_minutes: float = 5.0
    validate_every: int = 500
    validation_batches: int = 16
    start_from: str = ""
    """Model folder whose weights the run starts from."""

    def __post_init__(self) -> None:
        if not self.train_folders:
            raise ValueError("train_folders names no folder")
        if min(self.steps, self.batch_size, self.validate_every, self.validation_batches) < 1:
            raise ValueError("steps, batch_size, validate_every and validation_batches are positive")
        if not 0 <= self.ema_decay < 1 or self.learning_rate <= 0:
            raise ValueError("ema_decay is in [0, 1), learning_rate above 0")


def from_table(cls: type[T], table: dict[str, Any], place: str) -> T:
    """Build a dataclass from a table of TOML.

    Raises:
        DataError: an unknown or missing field, or an impossible value; names the place.
    """
    names = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - names)
    if unknown:
        raise DataError(f"{place}: unknown field {', '.join(unknown)}, expected {', '.join(sorted(names))}")
    try:
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: {error}") from error
