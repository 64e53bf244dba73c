"""Fields to bytes and back: the payloads of the TIME, SEGM and APKT chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from construct import Container

from . import layout
from .compression import compress, decompress
from .errors import CorruptError, FormatError
from .header import Header
from .limits import MAX_AUDIO_PACKETS, MAX_MOTION_BYTES, MAX_SEGMENT_FRAMES, check_limit, check_range
from .packing import parse, parse_row
from .segment import AudioPacket, Layer, Segment, Timing, crc32
from .views import VIEW_BYTES, View, pack_places, unpack_places

_TIME_CONTENT_BYTES = 8 + (8 + VIEW_BYTES) * MAX_SEGMENT_FRAMES + MAX_MOTION_BYTES


@dataclass(frozen=True)
class UnpackedSegment:
    """What a SEGM payload says."""

    segment: Segment
    pts: int
    """Presentation time of its first frame."""
    has_time: bool
    """Whether a TIME chunk belongs to it."""
    problem: FormatError | None = None
    """Why its finest layers were left out, if they were."""


def pack_timing(first_frame: int, timing: Timing) -> bytes:
    """Make the payload of TIME; inverse: `unpack_timing`."""
    durations = [late - early for early, late in zip(timing.pts, timing.pts[1:], strict=False)]
    durations.append(timing.last_duration)
    fields = {
        "first_frame": first_frame,
        "num_frames": len(durations),
        "durations": durations,
        "views": pack_places(timing.views, timing.motion, len(durations)),
    }
    return compress(layout.TIME_CONTENT.build(fields))


def unpack_timing(payload: bytes) -> tuple[int, tuple[int, ...], tuple[View, ...], bytes]:
    """Read the payload of TIME: its segment's first frame, durations and views of frames, motion; see `join_timing`.

    Raises:
        CorruptError, LimitError: if a field is wrong.
    """
    fields = parse(layout.TIME_CONTENT, decompress(payload, "TIME", _TIME_CONTENT_BYTES), "TIME")
    if not fields.durations:
        raise CorruptError("TIME is of no frames", field="durations")
    views, motion = unpack_places(fields.views, fields.num_frames)
    return fields.first_frame, tuple(fields.durations), views, motion


def join_timing(
    first_pts: int, durations: Sequence[int], views: tuple[View, ...] = (), motion: bytes = b""
) -> Timing:
    """Make a segment's timing of its first frame's time, its frames' durations and views, and its motion.

    Raises:
        CorruptError: if the times leave their range or do not rise.
    """
    return Timing(tuple(accumulate(durations[:-1], initial=first_pts)), durations[-1], views, motion)


def pack_segment(segment: Segment, pts: int, *, has_time: bool) -> bytes:
    """Make the payload of SEGM; inverse: `unpack_segment`."""
    latent_frames, latent_rows, latent_columns = segment.latent_shape
    rows = [
        {"coded_bytes": len(layer.payload), "coded_crc": layer.coded_crc, "decoded_crc": layer.decoded_crc}
        for layer in segment.layers
    ]
    table = layout.SEGM_TABLE.build(
        {
            "first_frame": segment.first_frame,
            "num_frames": segment.num_frames,
            "pts": pts,
            "has_time": has_time,
            "latent_frames": latent_frames,
            "latent_rows": latent_rows,
            "latent_columns": latent_columns,
            "num_layers": len(rows),
            "layers": rows,
        }
    )
    return b"".join((table, crc32(table).to_bytes(4, "little"), *(layer.payload for layer in segment.layers)))


def unpack_segment(payload: bytes, header: Header, *, is_partial: bool = False) -> UnpackedSegment:
    """Read the payload of SEGM; inverse: `pack_segment`.

    Args:
        payload: the bytes; with `is_partial` they may be damaged or cut.
        header: of the same file.
        is_partial: keep the layers before the first damaged one, if there are any, and note the problem.

    Raises:
        CorruptError, LimitError: if a field is wrong, or (not with `is_partial`) a layer.
    """
    fields = parse_segment_table(payload)
    layers: list[Layer] = []
    problem: FormatError | None = None
    place = layout.segment_table_bytes(fields.num_layers) + 4
    for number, row in enumerate(fields.layers):
        coded = payload[place : place + row.coded_bytes]
        place += row.coded_bytes
        try:
            layers.append(Layer(coded, row.coded_crc, row.decoded_crc))
        except CorruptError as error:
            problem = CorruptError(
                f"layer {number} of the segment at frame {fields.first_frame}: {error.message}",
                field=error.field,
            )
            if not is_partial or not layers:
                raise problem from None
            break
    if place != len(payload) and not is_partial:
        raise CorruptError(f"SEGM has {len(payload)} bytes, its layers need {place}", field="coded_bytes")
    shape = (fields.latent_frames, fields.latent_rows, fields.latent_columns)
    segment = Segment(fields.first_frame, fields.num_frames, shape, tuple(layers))
    check_segment(segment, header)
    return UnpackedSegment(segment, fields.pts, bool(fields.has_time), problem)


def parse_segment_table(payload: bytes) -> Container:
    """Read what comes before the layer payloads, and check it against its own CRC.

    Raises:
        CorruptError: if the CRC or a field is wrong.
    """
    fields = parse(layout.SEGM_PAYLOAD, payload, "SEGM")
    table_bytes = layout.segment_table_bytes(fields.num_layers)
    if crc32(payload[:table_bytes]) != fields.table_crc:
        raise CorruptError("the layer table of a segment does not fit its CRC", field="table_crc")
    check_range("has_time", fields.has_time, 0, 1)
    return fields


def check_segment(segment: Segment, header: Header) -> None:
    """Refuse a segment that does not fit the header of its file.

    Raises:
        CorruptError: if its token grid or its number of layers does not.
    """
    name = f"the segment at frame {segment.first_frame}"
    lengths = header.latent_frame_counts(segment.num_frames)
    if segment.latent_shape[0] not in lengths or segment.latent_shape[1:] != header.latent_size:
        raise CorruptError(
            f"{name} has the token grid {segment.latent_shape}, expected {(lengths[1], *header.latent_size)}",
            field="latent_shape",
        )
    if len(segment.layers) > len(header.bit_depths):
        raise CorruptError(
            f"{name} has {len(segment.layers)} layers, the header only {len(header.bit_depths)}",
            field="num_layers",
        )


def pack_packets(packets: Sequence[AudioPacket]) -> bytes:
    """Make the payload of APKT; inverse: `unpack_packets`.

    Raises:
        LimitError: if there are too many packets for one chunk.
    """
    check_limit("packets in a chunk", len(packets), MAX_AUDIO_PACKETS)
    last_pts: dict[int, int] = {}
    last_dts: dict[int, int] = {}
    rows = []
    for packet in packets:
        flags = layout.PACKET_IS_KEY if packet.is_key else 0
        flags |= layout.PACKET_HAS_PTS if packet.pts is not None else 0
        flags |= layout.PACKET_HAS_DTS if packet.dts is not None else 0
        rows.append(
            {
                "stream": packet.stream,
                "flags": flags,
                "pts_step": _step(last_pts, packet.stream, packet.pts),
                "dts_step": _step(last_dts, packet.stream, packet.dts),
                "duration": packet.duration,
                "num_bytes": len(packet.data),
            }
        )
    table = compress(layout.PACKET_TABLE.build(rows))
    return bytes(
        layout.APKT_PAYLOAD.build({"table": table, "packets": b"".join(packet.data for packet in packets)})
    )


def unpack_packets(payload: bytes) -> tuple[AudioPacket, ...]:
    """Read the payload of APKT; inverse: `pack_packets`.

    Raises:
        CorruptError, LimitError: if a field is wrong.
    """
    fields = parse(layout.APKT_PAYLOAD, payload, "APKT")
    row_bytes: int = layout.PACKET_ROW.sizeof()
    table = decompress(fields.table, "table", MAX_AUDIO_PACKETS * row_bytes)
    if not table or len(table) % row_bytes:
        raise CorruptError(
            f"the packet table has {len(table)} bytes, expected {row_bytes} a packet", field="table"
        )
    last_pts: dict[int, int] = {}
    last_dts: dict[int, int] = {}
    packets = []
    place = 0
    for start in range(0, len(table), row_bytes):
        row = parse_row(layout.PACKET_ROW, table, start)
        check_range("flags", row.flags, 0, 7)
        data = fields.packets[place : place + row.num_bytes]
        place += row.num_bytes
        pts = _unstep(last_pts, row.stream, row.pts_step, is_known=bool(row.flags & layout.PACKET_HAS_PTS))
        dts = _unstep(last_dts, row.stream, row.dts_step, is_known=bool(row.flags & layout.PACKET_HAS_DTS))
        is_key = bool(row.flags & layout.PACKET_IS_KEY)
        packets.append(AudioPacket(row.stream, pts, dts, row.duration, is_key, data))
    if place != len(fields.packets):
        raise CorruptError(
            f"APKT has {len(fields.packets)} bytes of packets, its table says {place}", field="num_bytes"
        )
    return tuple(packets)


def _step(last: dict[int, int], stream: int, time: int | None) -> int:
    if time is None:
        return 0
    step = time - last.get(stream, 0)
    last[stream] = time
    return step


def _unstep(last: dict[int, int], stream: int, step: int, *, is_known: bool) -> int | None:
    if not is_known:
        check_range("step of an unknown time", step, 0, 0)
        return None
    last[stream] = last.get(stream, 0) + step
    return last[stream]
