"""Codes segments in one way or another: quantizer and entropy coder together, as rate control tries them."""

from dataclasses import dataclass

from ..container import Segment
from ..tokenizer import Tokenizer
from .camera import Size
from .entropy import LayerCoder
from .layer_stream import encode_layers
from .token_stream import SegmentLatents, quantize_segment


@dataclass(frozen=True)
class SegmentCoder:
    """From the latents of a segment to its bytes."""

    tokenizer: Tokenizer
    coder: LayerCoder
    effort: int = 0
    """Of `quantize_segment`; above 0 segments must have their frames."""

    def code(self, segment: SegmentLatents, size: Size, num_layers: int, rate_weight: float) -> Segment:
        """Quantize and code a segment.

        Args:
            segment: from `segment_latents`.
            size: one of its coded sizes.
            num_layers: bit layers to keep, from the coarsest.
            rate_weight: see `Tokenizer.quantize`.
        """
        bit_depths = self.tokenizer.config.bit_depths[:num_layers]
        tokens = quantize_segment(segment, size, self.tokenizer, bit_depths[-1], rate_weight, self.effort)
        return encode_layers(tokens, self.coder, bit_depths)
