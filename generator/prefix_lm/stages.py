"""The two stages of pretraining on images and video (thesis 8.3.4)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TwoStages:
    """Mostly images at first, then mostly video."""

    first_share: float = 0.25
    """Share of all steps that belongs to the first stage."""
    first_images: float = 0.9
    """Share of images in the first stage."""
    then_images: float = 0.1
    """Share of images in the second."""

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}, expected 0 to 1")

    def image_share(self, step: int, num_steps: int) -> float:
        """Give the share of images at a step, counted from 0."""
        return self.first_images if step < self.first_share * num_steps else self.then_images
