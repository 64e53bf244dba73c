"""Makes the golden files: every scene by every coder, and some by one coder that show one thing each."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mgv
from mgv.codec.entropy import get_coder
from mgv.codec.layer_stream import decode_layers, encode_layers
from mgv.codec.models import open_coder, open_coder_of, open_tokenizer_of
from mgv.codec.motion import pack_motion
from mgv.codec.token_stream import SegmentTokens
from mgv.container import AudioHeader, AudioPacket, Colour, Header, Reader, TimedSegment, Timing, Writer, thin
from mgv.tokenizer import Tokenizer, load_tokenizer
from mgv.tokenizer.resize import resize_frames

from .chunks import Chunk, join, reindex, split
from .model import tokenize
from .scenes import PACKET_SAMPLES, SAMPLE_RATE, SCENES, TICK, TIME_BASE, Scene, pictures, sound

CODERS = ("raw", "zstd", "adaptive", "prior")
"""A coder that is added here gets files of its own; the others keep theirs."""


class Pipe(io.BytesIO):
    """Bytes that come and go in order only."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")


class Kitchen:
    """What the golden files are made with."""

    def __init__(self, model: Path, golden: Path) -> None:
        """Take the unpacked model's folder and that of the golden files."""
        self.model = model
        self.golden = golden
        self.tokenizer: Tokenizer = load_tokenizer(model)

    def tokens(self, name: str) -> list[NDArray[np.int64]]:
        """Give a scene's tokens: those of its raw file where there is one, so that all coders code the same."""
        raw = self.golden / f"{name}-raw.mgv"
        if raw.exists():
            return [tokens.ids for tokens in read_tokens(raw.read_bytes(), self.model)]
        scene = SCENES[name]
        frames = resize_frames(pictures(scene), *(scene.coded_size or (scene.width, scene.height)))
        return [
            tokenize(self.tokenizer, part) for part in np.split(frames, list(accumulate(scene.segments))[:-1])
        ]

    def write(self, name: str, coder: str, *, is_trained: bool = True) -> bytes:
        """Write a scene with a coder."""
        scene = SCENES[name]
        planes = self.tokenizer.config.planes
        layer_coder = open_coder(coder, self.tokenizer) if is_trained else get_coder(coder, planes)
        file = Pipe()
        with Writer(file) as writer:
            writer.write_header(self._header(scene, layer_coder.id, layer_coder.parameters_sha256))
            writer.write_metadata(scene.metadata)
            for audio_header in audio_headers(scene):
                writer.write_audio_header(audio_header)
            first_frame, pts = 0, scene.pts
            for number, ids in enumerate(self.tokens(name)):
                times = pts[first_frame : first_frame + scene.segments[number] + 1]
                tokens = SegmentTokens(ids, 20, first_frame, tuple(times[:-1]), times[-1] - times[-2])
                depths = self.tokenizer.config.bit_depths[: scene.layers[number] if scene.layers else None]
                segment = encode_layers(tokens, layer_coder, depths)
                writer.write_segment(segment, Timing(tokens.pts, tokens.last_duration))
                writer.write_audio_packets(list(audio_packets(scene, number)))
                first_frame += scene.segments[number]
        return file.getvalue()

    def _header(self, scene: Scene, coder: int, coder_sha256: bytes) -> Header:
        config = self.tokenizer.config
        coded_width, coded_height = scene.coded_size or (scene.width, scene.height)
        facts = {
            "sample_aspect": Fraction(1),
            "rotation_degrees": 0,
            "segment_frames": 9,
            "software": "make_vectors",
        }
        return Header(
            width=scene.width,
            height=scene.height,
            coded_width=coded_width,
            coded_height=coded_height,
            colour=Colour(1, 13, 0, full_range=True),
            time_base=TIME_BASE,
            tick=TICK,
            start_pts=scene.start_pts,
            tokenizer=config.name,
            tokenizer_sha256=bytes.fromhex(self.tokenizer.sha256),
            strides=config.strides,
            bits_per_token=config.bits_per_token,
            bit_depths=config.bit_depths,
            coder=coder,
            coder_sha256=coder_sha256,
            **facts | scene.facts,
        )


def audio_headers(scene: Scene) -> Iterator[AudioHeader]:
    """Describe two streams: one that knows all about itself, one that knows nothing."""
    if scene.has_audio:
        rate = SAMPLE_RATE
        yield AudioHeader(
            3, "pcm_s16le", b"", rate, "mono", Fraction(1, rate), 16 * rate, 0, 2, 0, "s16", "deu"
        )
        yield AudioHeader(0, "pcm_u8", b"\x01\x02", 8000, "", Fraction(1, 1000))


def audio_packets(scene: Scene, segment: int) -> Iterator[AudioPacket]:
    """Give two packets of each stream a segment; the second stream's lack what a packet may lack."""
    for number in range(2 * segment, 2 * segment + 2) if scene.has_audio else ():
        start = number * PACKET_SAMPLES
        yield AudioPacket(3, start - 77, start - 77, PACKET_SAMPLES, True, sound(number))
        yield AudioPacket(0, None, 25 * number if number % 2 else None, 0, False, bytes(range(number)))


def write_piped(kitchen: Kitchen) -> bytes:
    """Run the whole encoder on y4m from a pipe, into a pipe."""
    scene = SCENES["moving"]
    y4m = f"YUV4MPEG2 W{scene.width} H{scene.height} F25:1 Ip A1:1 C444\n".encode()
    for rgb in pictures(scene).astype(float):
        red, green, blue = np.moveaxis(rgb, -1, 0) / 255
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        planes = [16 + 219 * luma, 128 + 126.4 * (blue - luma), 128 + 159.7 * (red - luma)]
        y4m += b"FRAME\n" + np.clip(np.rint(planes), 0, 255).astype(np.uint8).tobytes()
    target = Pipe()
    mgv.encode(Pipe(y4m), target, model=kitchen.model, coder="adaptive")
    return target.getvalue()


def write_thinned(kitchen: Kitchen, coder: str) -> bytes:
    """Drop the finest layer of a golden file."""
    source, target = Pipe((kitchen.golden / f"moving-{coder}.mgv").read_bytes()), Pipe()
    thin(source, target, 2)
    return target.getvalue()


def write_unknown_chunks(kitchen: Kitchen) -> bytes:
    """Put chunks that may be skipped wherever they may stand: one with flags, one empty."""
    head, *body = split((kitchen.golden / "fewer-layers-raw.mgv").read_bytes())
    segments, tail = body[:3], body[3:]
    private, copied = Chunk(b"xyzA", b"private"), Chunk(b"xyza", b"may be copied")
    chunks = [head, private, segments[0], copied, segments[1], copied, private, segments[2], *tail]
    index = chunks.index(tail[0])
    chunks = reindex([*chunks[:index], Chunk(b"q0 z", b""), Chunk(b"qrst", b"flags", 0xFF)])
    return join([*chunks[:-1], Chunk(b"xyza", b"behind INDX"), chunks[-1]])


def write_newer_minor(kitchen: Kitchen) -> bytes:
    """Write what a later minor version may write: longer HEAD and AHDR, and a chunk of a new type."""
    chunks = []
    for chunk in split((kitchen.golden / "uneven-times-zstd.mgv").read_bytes()):
        payload = chunk.payload
        if chunk.kind == b"HEAD":
            payload = payload[:1] + b"\x09" + payload[2:] + b"a field of the future"
        if chunk.kind == b"AHDR":
            payload += b"\x00\x01\x02"
        chunks.append(chunk._replace(payload=payload))
    return join(reindex([chunks[0], Chunk(b"nEWc", b"of the future", 1), *chunks[1:]]))


def write_views(kitchen: Kitchen) -> bytes:
    """Say of the frames of every other segment that they move, turn and shrink in the coded picture."""

    def change(number: int, timing: Timing) -> Timing:
        path = range(0 if number % 2 else len(timing.pts))
        return replace(
            timing, views=tuple((300 - 70 * k, 9 * k - 40, -90 - 3 * k, (-1) ** k * 5 * k) for k in path)
        )

    return retimed(kitchen.golden / "moving-raw.mgv", change)


def write_motion(kitchen: Kitchen) -> bytes:
    """Say of each segment how what is seen in it moves: apart, from the middle of a mesh."""

    def change(number: int, timing: Timing) -> Timing:
        rows, columns = np.indices((3, 5))
        one = np.stack([4 * columns - 8, 11 * (number - rows)], axis=-1).astype(np.int16)
        motion = np.stack([one, 0 * one, -2 * one])[: 3 - 2 * number]
        return replace(timing, motion=pack_motion(motion))

    return retimed(kitchen.golden / "views-raw.mgv", change)


def retimed(source: Path, change: Callable[[int, Timing], Timing]) -> bytes:
    """Give a file without audio and metadata another TIME for each segment, by its number."""
    reader = Reader(io.BytesIO(source.read_bytes()))
    target = Pipe()
    with Writer(target) as writer:
        writer.write_header(reader.header)
        segments = (event for event in reader.events() if isinstance(event, TimedSegment))
        for number, event in enumerate(segments):
            writer.write_segment(event.segment, change(number, event.timing))
    return target.getvalue()


def recipes() -> dict[str, tuple[str, Callable[[Kitchen], bytes]]]:
    """Give for every golden file the scene it shows and what makes it; a file may need those before it."""
    found: dict[str, tuple[str, Callable[[Kitchen], bytes]]] = {}
    for coder in CODERS:
        for scene in SCENES:
            found[f"{scene}-{coder}"] = scene, lambda kitchen, s=scene, c=coder: kitchen.write(s, c)
        found[f"thinned-{coder}"] = "moving", lambda kitchen, c=coder: write_thinned(kitchen, c)
    found["untrained-adaptive"] = (
        "odd-size",
        lambda kitchen: kitchen.write("odd-size", "adaptive", is_trained=False),
    )
    found["piped-adaptive"] = "moving", write_piped
    found["unknown-chunks-raw"] = "fewer-layers", write_unknown_chunks
    found["newer-minor-zstd"] = "uneven-times", write_newer_minor
    found["views-raw"] = "moving", write_views
    found["motion-raw"] = "moving", write_motion
    return found


def read_tokens(data: bytes, model: Path) -> list[SegmentTokens]:
    """Decode the tokens of every segment of a file."""
    reader = Reader(io.BytesIO(data))
    header = reader.header
    coder = open_coder_of(header, open_tokenizer_of(header, model))
    return [
        decode_layers(event.segment, event.timing, coder, header, None)
        for event in reader.events()
        if isinstance(event, TimedSegment)
    ]


def dump_info(path: Path) -> str:
    """Give what `mgv info --json` prints of a file."""
    from mgv.codec import read_info
    from mgv.tools.common import as_json
    from mgv.tools.inspect import info_facts

    return json.dumps(json.loads(as_json(info_facts(read_info(path)))), indent=1, ensure_ascii=False) + "\n"
