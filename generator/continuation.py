"""New segments: the continuation of a video, and videos made of nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain

from ..codec import (
    Header,
    OptionError,
    SegmentTokens,
    StoredSegment,
    TokenEdit,
    TokenFile,
    View,
    new_header,
    new_segment_frames,
)
from ..codec.entropy import LayerCoder
from ..codec.models import ModelName, open_coder, open_tokenizer
from ..codec.token_edit import Item
from ..tokenizer import Tokenizer, WeightsError, list_models
from .editing import Neighbour, context_before, forget_motion, stored_before
from .geometry import num_latents
from .painter import Painter, Piece
from .provenance import GeneratedRegion, with_entry
from .window import WindowFiller

DEFAULT_FRAMES = 13
"""Of a continuation: the first frame of a new segment and three latent frames, as many as a usual window makes."""


def predict(file: TokenFile, painter: Painter, num_frames: int = DEFAULT_FRAMES) -> TokenEdit:
    """Continue a video.

    Where the last latent frame holds padding, it is made anew, and what padded it become frames. Then come new
    segments of the nominal length, at the nominal tick. Memory does not grow with their number.

    Args:
        file: to continue.
        painter: makes the tokens.
        num_frames: to add.

    Raises:
        OptionError: there is nothing to continue.
        WeightsError: the generator does not know tokens of this file.
    """
    painter.check_tokenizer(file.header)
    if not file.segments:
        raise OptionError("the file holds no frames, so there is nothing to continue")
    continuation = _Continuation(file, painter, num_frames)
    region = continuation.region()
    metadata = with_entry(file.metadata, painter, "predict", [region])
    return TokenEdit(file.header, metadata, continuation.items(), file.audio_headers)


class _Continuation:
    """A file with new frames at its end."""

    def __init__(self, file: TokenFile, painter: Painter, num_frames: int) -> None:
        self.file, self.painter, self.num_frames = file, painter, num_frames
        self.number = len(file.segments) - 1
        self.last = file.tokens(self.number)
        self.stride = file.header.strides[0]
        num_padding = 1 + (len(self.last.ids) - 1) * self.stride - len(self.last.pts)
        self.num_completed = min(max(0, num_padding), num_frames)
        painter.check_depth(self.last.bit_depth)
        new_latents = _num_latents(num_frames - self.num_completed, file.header)
        painter.num_expected = (new_latents + (self.num_completed > 0)) * self.last.ids[0].size

    def region(self) -> GeneratedRegion:
        """Say which frames are made, those of the last latent frame among them where it is made anew."""
        num_remade = 0
        if self.num_completed:
            num_remade = len(self.last.pts) - (1 + (len(self.last.ids) - 2) * self.stride)
        return GeneratedRegion(self.file.num_frames - num_remade, num_remade + self.num_frames)

    def items(self) -> Iterator[Item]:
        """Give everything that the new file holds behind its headers."""
        last, depth, reach = self.last, self.last.bit_depth, self.painter.context_latents
        if self.num_completed:
            last = self._completed(context_before(stored_before(self.file, self.number), depth, reach))
        for item in self.file.items():
            is_last = isinstance(item, StoredSegment) and item.number == self.number
            yield last if is_last and self.num_completed else item
        ending = Neighbour(Piece.of_segment(last.ids), depth)
        yield from new_segments(
            self.painter,
            self.file.header,
            depth,
            self.num_frames - self.num_completed,
            first_pts=last.pts[-1] + last.last_duration,
            before=context_before(chain([ending], stored_before(self.file, self.number)), depth, reach),
            view=last.views[-1:],
        )

    def _completed(self, before: Piece | None) -> SegmentTokens:
        """Make the last latent frame of the file anew, and turn its padding into frames."""
        last, tick = self.last, self.file.header.tick
        piece = Piece.of_segment(last.ids)
        piece.known[-1] = False
        ids = self.painter.complete(piece, last.bit_depth, _prompt(self.painter), before=before)
        start = last.pts[-1] + last.last_duration
        new = tuple(start + index * tick for index in range(self.num_completed))
        views = last.views and last.views + last.views[-1:] * len(new)
        motion = forget_motion(last, piece.known, self.file.header)
        return replace(last, ids=ids, pts=last.pts + new, last_duration=tick, views=views, motion=motion)


def new_segments(
    painter: Painter,
    header: Header,
    bit_depth: int,
    num_frames: int,
    *,
    first_pts: int,
    before: Piece | None,
    view: tuple[View, ...] = (),
) -> Iterator[SegmentTokens]:
    """Make new segments of the nominal length, at the nominal tick; holds one of them, and few latent frames.

    Args:
        painter: makes the tokens.
        header: of the file.
        bit_depth: of the new tokens.
        num_frames: to make in all.
        first_pts: of the first.
        before: latent frames before, None for none.
        view: of the frame before, which all of them have; empty where it is the coded picture.
    """
    nominal, stride, tick = new_segment_frames(header), header.strides[0], header.tick
    for first_frame in range(0, num_frames, nominal):
        length = min(nominal, num_frames - first_frame)
        piece = Piece.unknown((num_latents(length, stride), *header.latent_size))
        task = "CG" if before is None else _prompt(painter)
        ids = painter.complete(piece, bit_depth, task, before=before)
        start = first_pts + first_frame * tick
        pts = tuple(range(start, start + length * tick, tick))
        yield SegmentTokens(ids, bit_depth, first_frame, pts, tick, views=view * length)
        made = Piece.of_segment(ids)
        before = (made if before is None else before.then(made))[-painter.context_latents :]


@dataclass(frozen=True)
class Creation:
    """A video made of nothing but a class or a text."""

    tokenizer: Tokenizer
    coder: LayerCoder
    size: tuple[int, int]
    """Width and height in pixels."""
    num_frames: int
    frame_rate: Fraction

    @classmethod
    def for_generator(
        cls,
        filler: WindowFiller,
        size: tuple[int, int],
        num_frames: int,
        frame_rate: Fraction,
        *,
        model: ModelName | None = None,
    ) -> "Creation":
        """Find the tokenizer whose tokens a generator knows, among those that come with mgv.

        Args:
            filler: the generator.
            size: width and height in pixels.
            num_frames: to make.
            frame_rate: frames per second.
            model: tokenizer in place of those that come with mgv.

        Raises:
            WeightsError: it is not there.
        """
        candidates = [model] if model is not None else list(list_models())
        for tokenizer in map(open_tokenizer, candidates):
            if tokenizer.sha256 == filler.tokenizer_sha256:
                return cls(tokenizer, open_coder(None, tokenizer), size, num_frames, frame_rate)
        raise WeightsError(
            f"the generator {filler.name} makes tokens of the tokenizer with SHA-256 {filler.tokenizer_sha256[:16]}, "
            "which is not there; give its folder with --model"
        )

    def plan(self, painter: Painter) -> TokenEdit:
        """Say what the file holds: tokens of the greatest depth that the generator knows.

        Raises:
            WeightsError: the generator does not know the tokenizer.
            OptionError: the picture is too large.
        """
        depth = painter.filler.bit_depths[-1]
        header = new_header(self.tokenizer, self.coder, self.size, self.frame_rate, depth)
        painter.check_tokenizer(header)
        num_tokens = header.latent_size[0] * header.latent_size[1]
        painter.num_expected = _num_latents(self.num_frames, header) * num_tokens
        items = new_segments(painter, header, depth, self.num_frames, first_pts=0, before=None)
        command = "class" if painter.prompt is None else "text"
        metadata = with_entry({}, painter, command, [GeneratedRegion(0, self.num_frames)])
        return TokenEdit(header, metadata, items)


def _prompt(painter: Painter) -> str:
    return "FP" if painter.label is None else "CFP"


def _num_latents(num_frames: int, header: Header) -> int:
    """Count the latent frames of new segments."""
    full, rest = divmod(num_frames, new_segment_frames(header))
    stride = header.strides[0]
    return full * num_latents(new_segment_frames(header), stride) + (num_latents(rest, stride) if rest else 0)
