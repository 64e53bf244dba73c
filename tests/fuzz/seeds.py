"""Small sound files, one for each entropy coder, with every chunk type in them: what mutations begin with."""

import io
from fractions import Fraction

import numpy as np
from fuzz.networks import random_prior_file

from mgv.codec.entropy import LayerCoder, Planes, get_coder, layer_bounds, layer_crc
from mgv.codec.motion import pack_motion
from mgv.container import AudioHeader, AudioPacket, Colour, Header, Layer, Segment, Timing, Writer

CODERS = ("raw", "zstd", "adaptive", "prior")
"""By their numbers in a file."""
BITS_PER_TOKEN = 6
STRIDES = (2, 8, 8)
BIT_DEPTHS = (2, 5)
MOTION = pack_motion(np.array([[[[3, 0], [-40, 1]], [[3, -1], [0, 0]]]], np.int16))


def planes_of(bits_per_token: int) -> Planes:
    """Give some meaning to the bits of a token, which a real file leaves to its tokenizer."""
    num_dimensions = max(2, -(-bits_per_token // 12))
    return tuple((bit % num_dimensions, bit // num_dimensions) for bit in range(bits_per_token))


def make_coder(coder: int, bits_per_token: int = BITS_PER_TOKEN) -> LayerCoder:
    """Make a coder; `prior` has random networks for the seeds' layers."""
    planes = planes_of(bits_per_token)
    return get_coder(coder, planes, random_prior_file(planes, BIT_DEPTHS) if coder == 3 else None)


def make_header(coder: int, size: tuple[int, int] = (24, 16)) -> Header:
    return Header(
        width=size[0],
        height=size[1],
        coded_width=size[0],
        coded_height=size[1],
        sample_aspect=Fraction(4, 3),
        rotation_degrees=90,
        colour=Colour(),
        time_base=Fraction(1, 90000),
        tick=3600,
        start_pts=-7,
        tokenizer="tiny",
        tokenizer_sha256=bytes(range(32)),
        strides=STRIDES,
        bits_per_token=BITS_PER_TOKEN,
        bit_depths=BIT_DEPTHS,
        coder=coder,
        segment_frames=3,
        software="mgv test",
    )


def make_segment(coder: int, first_frame: int, num_frames: int) -> Segment:
    """Code the tokens of a segment of 24 x 16 pixels."""
    rng = np.random.default_rng(first_frame)
    ids = rng.integers(0, 1 << BIT_DEPTHS[-1], (1 + num_frames // STRIDES[0], 2, 3))
    payloads = make_coder(coder).encode(ids, BIT_DEPTHS)
    bounds = layer_bounds(BIT_DEPTHS, len(BIT_DEPTHS))
    layers = (
        Layer.from_payload(payload, layer_crc(ids, *bits))
        for payload, bits in zip(payloads, bounds, strict=True)
    )
    return Segment(first_frame, num_frames, ids.shape, tuple(layers))


def make_seed(coder: int, *, has_extras: bool = True) -> bytes:
    """Write a file of two segments, the second off the nominal tick.

    Extras are metadata, audio, and in the second segment views and motion.
    """
    file = io.BytesIO()
    with Writer(file) as writer:
        writer.write_header(make_header(coder))
        if has_extras:
            writer.write_metadata({"title": "Grüße", "tags": [1, 2.5, None]})
            writer.write_audio_header(
                AudioHeader(0, "aac", b"\x11\x90", 48000, "stereo", Fraction(1, 48000), language="deu")
            )
        writer.write_segment(make_segment(coder, 0, 3))
        if has_extras:
            writer.write_audio_packets(
                [AudioPacket(0, 0, None, 1024, True, b"sound"), AudioPacket(0, 1024, 0, 0, False, b"")]
            )
            writer.write_other_chunk(b"note", b"kept")
        extras = {"views": ((3, -2, 1, 0), (300, 0, -4, 5)), "motion": MOTION} if has_extras else {}
        writer.write_segment(make_segment(coder, 3, 2), Timing((11000, 11100), 12, **extras))
    return file.getvalue()


def all_seeds(*, has_extras: bool = True) -> dict[str, bytes]:
    """Give the seed of each coder, by its name."""
    return {name: make_seed(coder, has_extras=has_extras) for coder, name in enumerate(CODERS)}
