"""Video <-> `.mgv`: pipelines, media in and out, entropy coding.

The only room where tokenizer and container meet. The names below are loaded when first used: `mgv info` needs
neither torch nor FFmpeg.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .errors import MediaError, MissingToolError, OutputError
from .options import OptionError

if TYPE_CHECKING:
    from ..container import WHOLE, Colour, Header, View
    from .conceal import GapFiller, LostFrames, OpenGapFiller
    from .decode_video import DecodeReport, decode
    from .encode_video import EncodeReport, encode
    from .files import open_input
    from .info import FileInfo, read_info
    from .media_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES
    from .output import atomic_output
    from .rate_points import RatePoint, default_quality, read_rate_points
    from .selection import Selection
    from .token_edit import (
        EditReport,
        SegmentSpan,
        StoredSegment,
        TokenEdit,
        TokenFile,
        edit_tokens,
        grow_header,
        new_header,
        new_segment_frames,
        write_tokens,
    )
    from .token_stream import SegmentTokens
    from .tokens_file import TokensReport, export_tokens, import_tokens
    from .tree.encode_tree import TreeReport, encode_tree
    from .video import Frame, Video, open  # noqa: A004 - `mgv.open` is the name users expect
    from .video_in import VideoSource, open_source

_HOMES = {
    "Colour": "colour",
    "DecodeReport": "decode_video",
    "EditReport": "token_edit",
    "EncodeReport": "encode_video",
    "FileInfo": "info",
    "Frame": "video",
    "GapFiller": "conceal",
    "IMAGE_SUFFIXES": "media_names",
    "Header": "token_edit",
    "LostFrames": "conceal",
    "OpenGapFiller": "conceal",
    "RatePoint": "rate_points",
    "SegmentSpan": "token_edit",
    "SegmentTokens": "token_stream",
    "Selection": "selection",
    "StoredSegment": "token_edit",
    "TokenEdit": "token_edit",
    "TokenFile": "token_edit",
    "TokensReport": "tokens_file",
    "TreeReport": "tree.encode_tree",
    "VIDEO_SUFFIXES": "media_names",
    "Video": "video",
    "VideoSource": "video_in",
    "View": "token_stream",
    "WHOLE": "token_stream",
    "atomic_output": "output",
    "decode": "decode_video",
    "edit_tokens": "token_edit",
    "encode": "encode_video",
    "encode_tree": "tree.encode_tree",
    "export_tokens": "tokens_file",
    "grow_header": "token_edit",
    "import_tokens": "tokens_file",
    "new_header": "token_edit",
    "new_segment_frames": "token_edit",
    "open": "video",
    "open_input": "files",
    "open_source": "video_in",
    "read_info": "info",
    "default_quality": "rate_points",
    "read_rate_points": "rate_points",
    "write_tokens": "token_edit",
}

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "WHOLE",
    "Colour",
    "DecodeReport",
    "EditReport",
    "EncodeReport",
    "FileInfo",
    "Frame",
    "GapFiller",
    "Header",
    "LostFrames",
    "MediaError",
    "MissingToolError",
    "OpenGapFiller",
    "OptionError",
    "OutputError",
    "RatePoint",
    "SegmentSpan",
    "SegmentTokens",
    "Selection",
    "StoredSegment",
    "TokenEdit",
    "TokenFile",
    "TokensReport",
    "TreeReport",
    "Video",
    "VideoSource",
    "View",
    "atomic_output",
    "decode",
    "default_quality",
    "edit_tokens",
    "encode",
    "encode_tree",
    "export_tokens",
    "grow_header",
    "import_tokens",
    "new_header",
    "new_segment_frames",
    "open",
    "open_input",
    "open_source",
    "read_info",
    "read_rate_points",
    "write_tokens",
]


def __getattr__(name: str) -> object:
    """Import a public name from the file it lives in (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
