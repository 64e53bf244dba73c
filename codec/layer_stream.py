"""The entropy coder's stage of the pipelines: tokens of segments to layers of bytes, and back."""

from collections.abc import Sequence
from fractions import Fraction

from ..container import CorruptError, Header, Layer, Segment, Timing
from .entropy import LayerCoder, layer_crc
from .motion import num_groups, unpack_motion
from .token_stream import SegmentTokens


def encode_layers(tokens: SegmentTokens, coder: LayerCoder, bit_depths: Sequence[int]) -> Segment:
    """Code the tokens of one segment. Inverse: `decode_layers`.

    Args:
        tokens: one segment; bits from `bit_depths[-1]` up are dropped.
        coder: an entropy coder.
        bit_depths: token bits known after each layer, rising.
    """
    payloads = coder.encode(tokens.ids, tuple(bit_depths))
    lows = (0, *bit_depths[:-1])
    layers = tuple(
        Layer.from_payload(payload, layer_crc(tokens.ids, low, high))
        for payload, low, high in zip(payloads, lows, bit_depths, strict=True)
    )
    t, h, w = tokens.ids.shape
    return Segment(tokens.first_frame, len(tokens.pts), (t, h, w), layers)


def decode_layers(
    segment: Segment, timing: Timing, coder: LayerCoder, header: Header, num_layers: int | None
) -> SegmentTokens:
    """Decode the coarsest `num_layers` layers of a segment, or as many as it has. Inverse: `encode_layers`.

    Raises:
        CorruptError: the decoded bits are not those that were encoded, or its motion
            is none; names the segment's time.
    """
    bit_depths = header.bit_depths[: len(segment.layers)][:num_layers]
    ids = coder.decode(
        [layer.payload for layer in segment.layers[: len(bit_depths)]], segment.latent_shape, bit_depths
    )
    lows = (0, *bit_depths[:-1])
    for index, (low, high) in enumerate(zip(lows, bit_depths, strict=True)):
        found, expected = layer_crc(ids, low, high), segment.layers[index].decoded_crc
        if found != expected:
            raise CorruptError(
                f"{segment_place(segment.first_frame, timing, header)}: layer {index} decodes to CRC "
                f"{found:08x}, its table says {expected:08x}; the file is damaged there",
                field="decoded_crc",
            )
    if timing.motion:
        _check_motion(segment, timing, header)
    return SegmentTokens(
        ids,
        bit_depths[-1],
        segment.first_frame,
        timing.pts,
        timing.last_duration,
        views=timing.views,
        motion=timing.motion,
    )


def check_latents(segment: Segment, timing: Timing, header: Header) -> None:
    """Refuse a segment that has not the latent frames that a tokenizer makes which takes the first frame alone.

    Raises:
        CorruptError: so it is; names the segment's time.
    """
    expected = 1 + num_groups(segment.num_frames, header.strides[0])
    if segment.latent_shape[0] != expected:
        raise CorruptError(
            f"{segment_place(segment.first_frame, timing, header)}: {segment.latent_shape[0]} latent frames for "
            f"{segment.num_frames} frames, of which its tokenizer makes {expected}",
            field="latent_shape",
        )


def _check_motion(segment: Segment, timing: Timing, header: Header) -> None:
    groups = num_groups(segment.num_frames, header.strides[0])
    try:
        if segment.latent_shape[0] != 1 + groups:
            raise CorruptError(
                "its first frame is coded with others, so it can have no motion", field="motion"
            )
        unpack_motion(timing.motion, groups)
    except CorruptError as error:
        place = segment_place(segment.first_frame, timing, header)
        raise CorruptError(
            f"{place}: {error.message}; the file is damaged there", field=error.field
        ) from None


def segment_place(first_frame: int, timing: Timing, header: Header) -> str:
    """Name a segment for a message: its first frame and its time in seconds."""
    seconds = Fraction(timing.pts[0] - header.start_pts) * header.time_base
    return f"segment at frame {first_frame} ({float(seconds):.2f} s)"
