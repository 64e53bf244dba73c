"""Training batches: windows out of `.mgv` files, each laid out for a task drawn from the mixture of thesis 8.3."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from ..dataset import TokenFile, TokenFolders
from ..drawing import WindowPlaces, varied_region
from ..errors import DataError
from ..tasks import TASKS, task_condition
from ..window import Condition, TokenWindow
from .batch import SequenceBatch, collate
from .companions import companion_parts, read_companion
from .config import PrefixConfig
from .prompts import NO_CONDITIONS, Conditions, Example, Prompts, Text
from .stages import TwoStages

VIDEO_TASKS = ("video", "future", "painting")
"""What a window of several latent frames is used for; of one it is an image."""

COMPANION_TASKS = {
    "style": ("depth", "flow"),
    "video_from_audio": ("audio",),
    "audio_from_video": ("audio",),
    "rest": ("audio",),
}
"""Tasks of files that have a companion, and what it must have."""

PAINTED = ("FI", "OPC", "OPV", "OPH", "OPD", "IPC", "IPD")
"""Of the ten tasks of thesis 6.4.2, those that painting is for."""


@dataclass(frozen=True)
class Corpus:
    """What there is to learn from."""

    folders: TokenFolders
    embed: Callable[[str], Text] | None = None
    """Embeds captions, for a model that reads them."""


@dataclass(frozen=True)
class SequenceMixture:
    """What is drawn how often."""

    task_weights: dict[str, float] = field(default_factory=lambda: dict.fromkeys(VIDEO_TASKS, 1.0))
    """Of each task that is trained, relative: `VIDEO_TASKS`, and `COMPANION_TASKS`. `future` has from one to all but
    one of the latent frames given (I2V, FP)."""
    images: TwoStages = field(default_factory=TwoStages)
    """How many of the samples are images."""
    full_depth_share: float = 0.5
    """Share of batches at the largest bit depth; the others have one of the model's depths."""
    varied_share: float = 0.5
    """Share of painted samples whose region is drawn at random rather than that of the thesis."""
    drop_share: float = 0.3
    """Share of samples whose label and text are left out: unconditional ones, and what guidance compares with."""

    def __post_init__(self) -> None:
        known = (*VIDEO_TASKS, *COMPANION_TASKS)
        unknown = set(self.task_weights) - set(known)
        if unknown or not self.task_weights or min(self.task_weights.values()) <= 0:
            raise ValueError(
                f"task weights are for {', '.join(known)}, each above 0; got {self.task_weights}"
            )
        for name in ("full_depth_share", "varied_share", "drop_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 to 1")


class Drawn(NamedTuple):
    """What a sample is made of."""

    task: str
    window: TokenWindow
    file: TokenFile
    place: tuple[int, int, int]
    """Latent frame, row and column that the window begins with."""
    painted: str = ""
    """Of `PAINTED`, where the task is painting."""
    varied: bool = False


class SequenceBatches(Dataset[SequenceBatch]):
    """Batch number n is a pure function of the seed and n: a resumed run sees the same."""

    def __init__(
        self,
        corpus: Corpus,
        config: PrefixConfig,
        mixture: SequenceMixture,
        *,
        batch_size: int,
        num_batches: int,
        seed: int,
        first_batch: int = 0,
    ) -> None:
        """Find what can be drawn.

        Raises:
            DataError: no file is as large as a window, or no segment is as long.
        """
        self.corpus, self.config, self.mixture = corpus, config, mixture
        self.batch_size, self.num_batches, self.first_batch, self.seed = (
            batch_size,
            num_batches,
            first_batch,
            seed,
        )
        self.prompts = Prompts(config)
        self._images = WindowPlaces(corpus.folders, (1, *config.window[1:]))
        self._videos = {task: self._find(task) for task in mixture.task_weights}

    def __len__(self) -> int:
        return self.num_batches - self.first_batch

    def __getitem__(self, index: int) -> SequenceBatch:
        step = self.first_batch + index
        random = np.random.default_rng([self.seed, step])
        depths = self.config.bit_depths
        full = random.random() < self.mixture.full_depth_share
        depth = depths[-1] if full else depths[random.integers(len(depths))]
        image_share = self.mixture.images.image_share(step, self.num_batches)
        samples = [self._draw(random, image=random.random() < image_share) for _ in range(self.batch_size)]
        depth = min(depth, *(sample.window.bit_depth for sample in samples))
        return collate([self._example(sample, depth, random).sequence(self.config) for sample in samples])

    def _draw(self, random: np.random.Generator, *, image: bool) -> Drawn:
        names, weights = zip(*self.mixture.task_weights.items(), strict=True)
        task = "image" if image else names[random.choice(len(names), p=np.array(weights) / sum(weights))]
        painted = PAINTED[random.integers(len(PAINTED))] if task == "painting" else ""
        varied = painted not in ("OPD", "IPD") and random.random() < self.mixture.varied_share
        begins_segment = image or (not varied if painted else random.random() < 0.5)
        places = self._images if image else self._videos[task]
        number, *place = places.draw(random, begins_segment=begins_segment)
        start, top, left = place
        folders = self.corpus.folders
        window = folders.read(number, start, top, left, places.shape)
        return Drawn(task, window, folders.files[number], (start, top, left), painted, varied)

    def _example(self, sample: Drawn, bit_depth: int, random: np.random.Generator) -> Example:
        conditions, text = self._conditions(sample.file, random)
        ids = sample.window.ids & ((1 << bit_depth) - 1)
        window = TokenWindow(ids, sample.window.is_image, bit_depth)
        if sample.task in COMPANION_TASKS:
            return self._with_companion(sample, window, conditions, text)
        if sample.task == "image":
            return self.prompts.image(window, conditions, text=text)
        if sample.task == "future":
            num_given = int(random.integers(1, window.shape[0]))
            return self.prompts.future(window, num_given, conditions, text=text)
        if sample.task == "painting":
            condition = self._painting(sample, window, random)
            return self.prompts.painting(window, condition, conditions, text=text)
        return self.prompts.video(window, conditions, text=text)

    def _with_companion(
        self, sample: Drawn, window: TokenWindow, conditions: Conditions, text: Text | None
    ) -> Example:
        companion = read_companion(sample.file)
        if sample.task == "style":
            depth, flow = (companion.picture(name, sample.place, window) for name in ("depth", "flow"))
            return self.prompts.stylisation(window, depth, flow, conditions, text=text)
        audio, first_steps = companion.sound(sample.place[0], window.shape[0])
        if sample.task == "video_from_audio":
            return self.prompts.video_from_audio(window, audio, conditions)
        if sample.task == "audio_from_video":
            return self.prompts.audio_from_video(window, audio, conditions)
        return self.prompts.rest(window, audio, first_steps, conditions)

    def _find(self, task: str) -> WindowPlaces:
        """Find the windows of a task: those of files whose companion has what it needs."""
        folders, window = self.corpus.folders, self.config.window
        if task not in COMPANION_TASKS:
            return WindowPlaces(folders, window)
        needed = COMPANION_TASKS[task]
        numbers = [n for n, file in enumerate(folders.files) if companion_parts(file) >= set(needed)]
        if not numbers:
            raise DataError(
                f"task {task}: no .mgv has an .npz of its name beside it with {' and '.join(needed)}"
            )
        if "audio" in needed:
            longest = max(read_companion(folders.files[n]).longest_sound(window[0]) for n in numbers)
            if longest > self.config.audio_steps:
                raise DataError(
                    f"task {task}: {window[0]} latent frames have up to {longest} steps of audio, "
                    f"the model's audio_steps are {self.config.audio_steps}"
                )
        return WindowPlaces(folders, window, numbers)

    def _painting(self, sample: Drawn, window: TokenWindow, random: np.random.Generator) -> Condition:
        if not sample.varied:
            return task_condition(TASKS[sample.painted], window, self.corpus.folders.tokenizer)
        kept = varied_region(sample.painted, window.shape, random)
        return Condition.of_kept(np.zeros(window.shape, bool) if kept is None else kept)

    def _conditions(self, file: TokenFile, random: np.random.Generator) -> tuple[Conditions, Text | None]:
        if random.random() < self.mixture.drop_share:
            return NO_CONDITIONS, None
        label = file.label if file.label in self.config.labels else None
        text = self.corpus.embed(file.caption) if self.corpus.embed is not None and file.caption else None
        return Conditions(label), text
