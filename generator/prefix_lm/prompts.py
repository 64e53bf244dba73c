"""The tasks of thesis 8.3.3: what goes into the prefix of each, and what is to be generated.

Every function takes a window that holds the whole video. In training its tokens are known; to generate, those that
are not given may be anything.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..window import Condition, TokenWindow
from .config import PrefixConfig
from .elements import AudioCodes, VisualTokens
from .layout import Output, Prompt, Sequence, lay_out

Text = NDArray[np.float32]
"""`[n, E]`, embeddings of a text."""


@dataclass(frozen=True)
class Conditions:
    """What any task may have besides; the same for all."""

    label: str | None = None
    source: int | None = None
    with_length: bool = True
    """Whether the model is told how long the video is to be; if not, it may end it itself."""


NO_CONDITIONS = Conditions()


@dataclass(frozen=True)
class Example:
    """A prompt, and what is to follow it."""

    prompt: Prompt
    output: Output
    bit_depth: int

    def sequence(self, config: PrefixConfig) -> Sequence:
        """Lay it out."""
        return lay_out(self.prompt, self.output, config.vocabulary, self.bit_depth)

    def unconditional(self) -> "Example":
        """Drop text and label, for classifier-free guidance: absent modalities leave no trace (thesis 8.3.3)."""
        return replace(self, prompt=replace(self.prompt, text=None, label=None))


class Prompts:
    """Makes the examples of one model."""

    def __init__(self, config: PrefixConfig) -> None:
        self.config = config

    def video(
        self, window: TokenWindow, conditions: Conditions = NO_CONDITIONS, *, text: Text | None = None
    ) -> Example:
        """Make a video of nothing, of a label, or of a text (T2V)."""
        return self._example("video", window, conditions, Output(VisualTokens.of_window(window)), text=text)

    def image(
        self, window: TokenWindow, conditions: Conditions = NO_CONDITIONS, *, text: Text | None = None
    ) -> Example:
        """Make an image, of a text (T2I) or not; the sequence stays open, as a video's beginning does."""
        if window.shape[0] != 1:
            raise ValueError(f"an image has one latent frame, got {window.shape[0]}")
        output = Output(VisualTokens.of_window(window), open_ended=True)
        return self._example("video", window, replace(conditions, with_length=False), output, text=text)

    def future(
        self,
        window: TokenWindow,
        num_given: int,
        conditions: Conditions = NO_CONDITIONS,
        *,
        text: Text | None = None,
    ) -> Example:
        """Go on after `num_given` latent frames: prediction (FP), from one on; image-to-video (I2V) with one.

        What is given isn't generated again. I2V shares its `<task>` with text-to-video, as thesis 8.3.3 has it.
        """
        if not 1 <= num_given < window.shape[0]:
            raise ValueError(
                f"{num_given} of {window.shape[0]} latent frames given, expected 1 and one to make"
            )
        given, made = _split_frames(window, num_given)
        name = "video" if num_given == 1 else "future"
        return self._example(name, window, conditions, Output(made), given=given, text=text)

    def painting(
        self,
        window: TokenWindow,
        condition: Condition,
        conditions: Conditions = NO_CONDITIONS,
        *,
        text: Text | None = None,
    ) -> Example:
        """Fill what is not kept: inpainting, outpainting, interpolation.

        The condition is encoded as COMMIT does (thesis 6.4.1): tokens of supervoxels that are given in part come from
        the padded condition, those that hold nothing but padding are left out. Kept ones aren't generated again.
        """
        hints = replace(window, ids=condition.hints)
        return self._example(
            "painting",
            window,
            conditions,
            Output(VisualTokens.of_window(window, ~condition.kept)),
            given=_some(VisualTokens.of_window(window, condition.kept)),
            hints=_some(VisualTokens.of_window(hints, condition.hinted)),
            text=text,
        )

    def stylisation(
        self,
        window: TokenWindow,
        depth: TokenWindow,
        flow: TokenWindow,
        conditions: Conditions = NO_CONDITIONS,
        *,
        text: Text | None,
    ) -> Example:
        """Make a video of a text and of the depth and optical flow of another, both as tokens."""
        return self._example(
            "style",
            window,
            conditions,
            Output(VisualTokens.of_window(window)),
            depth=VisualTokens.of_window(depth),
            flow=VisualTokens.of_window(flow),
            text=text,
        )

    def video_from_audio(
        self, window: TokenWindow, audio: AudioCodes, conditions: Conditions = NO_CONDITIONS
    ) -> Example:
        """Make the video that goes with audio."""
        output = Output(VisualTokens.of_window(window))
        return self._example("video", window, conditions, output, audio=audio)

    def audio_from_video(
        self, window: TokenWindow, audio: AudioCodes, conditions: Conditions = NO_CONDITIONS
    ) -> Example:
        """Make the audio that goes with a video."""
        given = VisualTokens.of_window(window)
        return self._example("audio", window, conditions, Output(audio=audio), given=given)

    def rest(
        self,
        window: TokenWindow,
        audio: AudioCodes,
        given_steps: int,
        conditions: Conditions = NO_CONDITIONS,
    ) -> Example:
        """Go on after the first latent frame and its audio with video and audio (AVCont)."""
        given, made = _split_frames(window, 1)
        heard, unheard = audio.split(given_steps)
        return self._example("rest", window, conditions, Output(made, unheard), given=given, audio=heard)

    def _example(
        self,
        name: str,
        window: TokenWindow,
        conditions: Conditions,
        output: Output,
        **given: VisualTokens | AudioCodes | Text | None,
    ) -> Example:
        config, size = self.config, window.shape[1:]
        if any(ours > most for ours, most in zip(window.shape, config.window, strict=True)):
            raise ValueError(f"a window of {window.shape}, expected at most {config.window}")
        self._check_text_and_audio(given.get("text"), (given.get("audio"), output.audio))
        resolution = config.resolutions.index(size) if size in config.resolutions else None
        prompt = Prompt(
            name,
            label=None if conditions.label is None else config.labels.index(conditions.label),
            source=conditions.source,
            resolution=resolution,
            other_resolution=resolution is None and size != config.window[1:],
            length=window.shape[0] if conditions.with_length else None,
            **given,  # type: ignore[arg-type]
        )
        return Example(prompt, output, window.bit_depth)

    def _check_text_and_audio(self, text: object, sounds: tuple[object, ...]) -> None:
        width, steps = self.config.text_width, self.config.audio_steps
        if isinstance(text, np.ndarray) and text.shape[1:] != (width,):
            raise ValueError(f"text embeddings of width {text.shape[1:]}, expected {width or 'none at all'}")
        for audio in sounds:
            if isinstance(audio, AudioCodes) and audio.start + audio.codes.shape[1] > steps:
                raise ValueError(
                    f"{audio.start + audio.codes.shape[1]} steps of audio, expected at most {steps}"
                )


def _split_frames(window: TokenWindow, count: int) -> tuple[VisualTokens, VisualTokens]:
    first = np.zeros(window.shape, bool)
    first[:count] = True
    return VisualTokens.of_window(window, first), VisualTokens.of_window(window, ~first)


def _some(tokens: VisualTokens) -> VisualTokens | None:
    return tokens if len(tokens) else None
