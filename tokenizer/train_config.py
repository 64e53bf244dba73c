"""What a training run is: data, phases and loss weights, read from TOML."""

import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .config import TokenizerConfig
from .presets import PRESETS

MAX_SCALE = 2
"""A coded picture has no more than so many times its source's width and height, in training as in a file."""


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; a term of weight 0 is not computed."""

    charbonnier: float = 1.0
    mse: float = 0.0
    gradient: float = 0.0
    ms_ssim: float = 0.0
    perceptual: float = 0.0
    commitment: float = 0.0
    entropy: float = 0.0
    """Final weight of Eq. 5.5; it starts three times as high and falls for `entropy_steps`."""
    entropy_steps: int = 2000
    rate: float = 0.0
    """Of the squared change of the latent between positions next to each other in time: a stand-in for coded bits."""
    adversarial: float = 0.0
    feature_matching: float = 0.0
    r1: float = 10.0
    r1_interval: int = 16
    lecam: float = 0.001


@dataclass(frozen=True)
class Phase:
    """One stretch of training with one optimizer."""

    kind: str
    """`image` trains the image model on single frames; `video` the video model, inflated from it if one came before."""
    steps: int
    batch_size: int
    crop: int
    """Pixels a side, at the size that is coded."""
    num_frames: int = 1
    learning_rate: float = 4e-4
    warmup_steps: int = 100
    parts: tuple[str, ...] = ("encoder", "decoder")
    """Which networks are trained, or layers of them, as in `decoder.outer_in`."""
    scales: tuple[float, ...] = (1.0,)
    """Coded size over source size, as an encoder scales: one of these for each batch, at most 2. Losses are taken at
    the source's size, after scaling back."""
    batch_uses: int = 1
    """Steps that each batch is taken for, at random among others: where a step is quicker than loading a batch."""
    still_share: float = 0.0
    """Share of video batches that hold photographs, as clips of one frame."""
    recolour_share: float = 0.0
    """Share of the clips that are recoloured: any hue, colours up to `recolour.MAX_SATURATION` times as strong, and
    another brightness. Natural video has few strong colours."""
    partial_depth_share: float = 0.5
    """Share of the samples that keep fewer bits, at a depth drawn from the ladder."""
    rate_weights: tuple[float, ...] = (0.0,)
    """Each sample is quantized with one of these, as an encoder does it (`RateQuantizer`); 0 takes the nearest."""
    structure_stride: int = 1
    """MS-SSIM and features, the dear terms, look at every n-th frame, at each step from the next one on."""
    discriminator_frames: int = 0
    """Frames in a row of each clip that the discriminator sees, at each step from the next one on; 0 for all."""
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        if self.kind not in ("image", "video"):
            raise ValueError(f"phase kind is {self.kind!r}, expected image or video")
        if self.kind == "image" and self.num_frames != 1:
            raise ValueError("an image phase has num_frames = 1")
        if not {part.split(".")[0] for part in self.parts} <= {"encoder", "decoder"} or not self.parts:
            raise ValueError(f"parts are {self.parts}, expected encoder, decoder, both, or layers of them")
        if not self.rate_weights or min(self.rate_weights) < 0:
            raise ValueError(f"rate_weights are {self.rate_weights}, expected at least one, none below 0")
        if not self.scales or not 0 < min(self.scales) <= max(self.scales) <= MAX_SCALE:
            raise ValueError(
                f"scales are {self.scales}, expected at least one, each above 0 and at most {MAX_SCALE}"
            )
        counts = ("steps", "batch_size", "crop", "num_frames", "structure_stride", "batch_uses")
        if min(getattr(self, name) for name in counts) < 1:
            raise ValueError(f"{', '.join(counts)} are positive")
        if not 0 <= self.recolour_share <= 1:
            raise ValueError(f"recolour_share is {self.recolour_share}, expected 0 to 1")
        if not 0 <= self.discriminator_frames <= self.num_frames:
            raise ValueError(
                f"discriminator_frames is {self.discriminator_frames}, of {self.num_frames} frames"
            )

    @property
    def trains_encoder(self) -> bool:
        """Whether any of the encoder is trained."""
        return any(part.split(".")[0] == "encoder" for part in self.parts)


@dataclass(frozen=True)
class OuterValues:
    """Values at the ends of one dimension of a lookup-free quantizer, moved outwards from the integers."""

    dimension: int
    low: tuple[float, ...] = ()
    """Take the place of as many of the lowest; rising."""
    high: tuple[float, ...] = ()
    """Take the place of as many of the highest; rising."""


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    tokenizer: TokenizerConfig
    video_shards: tuple[str, ...]
    validation_shards: tuple[str, ...]
    phases: tuple[Phase, ...]
    image_shards: tuple[str, ...] = ()
    seed: int = 0
    transform: str = "klt"
    """Where the linear shortcuts of `mgv-s` start: `klt` fits them on the shards, `model` needs no data."""
    quantization_steps: tuple[float, ...] = ()
    """Step of each latent of `mgv-s`, in units of orthonormal coefficients of pixels in [-1, 1]. If empty: 0.6, and for
    the first, the mean, what covers the whole range."""
    start_from: str = ""
    """Model folder whose weights the first phase starts from: of the same tokens, or of such with fewer bits for some
    dimensions (`widen.is_wider`); its networks may be smaller."""
    outer_values: tuple[OuterValues, ...] = ()
    """What the ends of dimensions become when a run starts: flat pictures of white or strong colour may lie outside of
    a dimension's integers."""
    calibration_shards: tuple[str, ...] = ()
    """What the transform and the centres of cells are fitted on; `video_shards` if empty."""
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    checkpoint_minutes: float = 5.0
    validate_every: int = 1000
    perceptual_weights: str = ""
    """Path of the SqueezeNet features (.npz) for the perceptual term."""

    def __post_init__(self) -> None:
        if self.transform not in ("klt", "model"):
            raise ValueError(f"transform is {self.transform!r}, expected klt or model")
        if not self.phases:
            raise ValueError("a run has at least one phase")
        if any(phase.loss.perceptual > 0 for phase in self.phases) and not self.perceptual_weights:
            raise ValueError(
                "a perceptual term needs perceptual_weights, the path of SqueezeNet's features (.npz)"
            )
        if self.quantization_steps and len(self.quantization_steps) != len(self.tokenizer.dimension_bits):
            raise ValueError(
                f"{len(self.quantization_steps)} quantization_steps for {len(self.tokenizer.dimension_bits)} dimensions"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the model card."""
        return asdict(self)


def read_train_config(path: Path) -> TrainConfig:
    """Read a run from TOML; `tokenizer` is a preset's name or a table of TokenizerConfig.

    Raises:
        ValueError: not TOML, an unknown or missing field, or an impossible value; names the file.
    """
    try:
        values = tomllib.loads(path.read_text())
        tokenizer = values.pop("tokenizer", "mgv-s")
        if isinstance(tokenizer, str) and tokenizer not in PRESETS:
            raise ValueError(f"tokenizer {tokenizer!r}, expected one of {', '.join(PRESETS)} or a table")
        config = PRESETS[tokenizer] if isinstance(tokenizer, str) else TokenizerConfig.from_dict(tokenizer)
        phases = tuple(_phase(phase) for phase in values.pop("phases", []))
        outer = tuple(_outer_values(ends) for ends in values.pop("outer_values", []))
        parts = {**_with_tuples(values), "tokenizer": config, "phases": phases, "outer_values": outer}
        return TrainConfig(**_known(TrainConfig, parts, "the configuration"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _phase(values: dict[str, Any]) -> Phase:
    loss = LossWeights(**_known(LossWeights, values.pop("loss", {}), "a loss"))
    return Phase(**_known(Phase, {**_with_tuples(values), "loss": loss}, "a phase"))


def _outer_values(values: dict[str, Any]) -> OuterValues:
    return OuterValues(**_known(OuterValues, _with_tuples(values), "outer_values"))


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _known(cls: type[Any], values: dict[str, Any], where: str) -> dict[str, Any]:
    unknown = set(values) - {item.name for item in fields(cls)}
    if unknown:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))} in {where}")
    needed = [
        item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING
    ]
    missing = [name for name in needed if name not in values]
    if missing:
        raise ValueError(f"{where} needs the field {', '.join(missing)}")
    return values
