"""What each entropy coder makes of the same tokens: bits a token at every bit depth, and its speed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...codec import OptionError
from ...codec import open as open_mgv
from ...codec.models import available_coders, open_coder
from ...tokenizer import Tokenizer


@dataclass(frozen=True)
class CoderResult:
    """One coder on all tokens."""

    coder: str
    bits_per_token: dict[int, float]
    """Coded bits a token of all layers up to each bit depth."""
    num_bytes: int
    """Of all layers of all segments."""
    encode_mbit_per_second: float
    """Token bits before coding, in millions, that one core encodes a second."""
    decode_mbit_per_second: float


def read_tokens(files: Sequence[Path], model: str | None) -> tuple[Tokenizer, list[NDArray[np.int64]]]:
    """Read the tokens, int64 `[t, h, w]`, of every segment of `.mgv` files of one tokenizer at full bit depth.

    Raises:
        OptionError: files of two tokenizers, or one that holds fewer bits.
    """
    tokenizer: Tokenizer | None = None
    grids = []
    for file in files:
        with open_mgv(file, model=model) as video:
            if tokenizer is not None and tokenizer.sha256 != video.tokenizer.sha256:
                raise OptionError(f"{file} was made with another tokenizer than {files[0]}")
            tokenizer = video.tokenizer
            for segment in range(video.num_segments):
                tokens = video.tokens(segment)
                if tokens.bit_depth != tokenizer.config.bits_per_token:
                    raise OptionError(
                        f"{file} holds {tokens.bit_depth} of {tokenizer.config.bits_per_token} bits"
                    )
                grids.append(tokens.ids[0].numpy())
    if tokenizer is None or not grids:
        raise OptionError("no tokens to code")
    return tokenizer, grids


def measure_coders(tokenizer: Tokenizer, grids: Sequence[NDArray[np.int64]]) -> list[CoderResult]:
    """Encode and decode every grid with every coder; a coder that does not give back the tokens raises RuntimeError."""
    depths = tokenizer.config.bit_depths
    num_tokens = sum(grid.size for grid in grids)
    results = []
    for name in available_coders(tokenizer):
        coder = open_coder(name, tokenizer)
        small = grids[0][:1, :2, :2]
        coder.decode(
            coder.encode(small, depths), small.shape, depths
        )  # compiles, where there is something to compile
        start = time.perf_counter()
        coded = [coder.encode(grid, depths) for grid in grids]
        encoded = time.perf_counter()
        decoded = [
            coder.decode(layers, grid.shape, depths) for layers, grid in zip(coded, grids, strict=True)
        ]
        end = time.perf_counter()
        if not all(np.array_equal(one, other) for one, other in zip(decoded, grids, strict=True)):
            raise RuntimeError(f"{name} does not give back the tokens")
        by_layer = np.cumsum([sum(len(layers[k]) for layers in coded) for k in range(len(depths))])
        megabits = num_tokens * depths[-1] / 1e6
        results.append(
            CoderResult(
                name,
                {depth: 8 * float(size) / num_tokens for depth, size in zip(depths, by_layer, strict=True)},
                int(by_layer[-1]),
                megabits / (encoded - start),
                megabits / (end - encoded),
            )
        )
    return results


def as_markdown(results: Sequence[CoderResult]) -> str:
    """Lay the results out as a markdown table, `raw` first, with the share of its bytes."""
    depths = list(results[0].bits_per_token)
    lines = [
        "| coder | "
        + " | ".join(f"{depth} bits" for depth in depths)
        + " | bytes | of raw | encode Mbit/s | decode |",
        "|---|" + "--:|" * (len(depths) + 4),
    ]
    for result in results:
        bits = " | ".join(f"{value:.2f}" for value in result.bits_per_token.values())
        share = result.num_bytes / results[0].num_bytes
        lines.append(
            f"| {result.coder} | {bits} | {result.num_bytes} | {share:.3f} "
            f"| {result.encode_mbit_per_second:.1f} | {result.decode_mbit_per_second:.1f} |"
        )
    return "\n".join(lines) + "\n"
