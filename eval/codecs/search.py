"""Find the whole-number quality whose file comes nearest to a number of bits per pixel."""

from collections.abc import Callable

from .interface import Coded


def search_quality(
    encode: Callable[[int], Coded], target_bpp: float, num_pixels: int, best: int, worst: int
) -> Coded:
    """Halve the range of qualities until two neighbours enclose the target, and take the nearer one.

    Args:
        encode: at one quality; bytes fall as the number rises. It leaves its file at a fixed place.
        target_bpp: bits per pixel wanted.
        num_pixels: of all frames.
        best: number of the highest quality.
        worst: number of the lowest.

    Returns:
        The encoding at the quality chosen, whose file is in place.
    """
    tried: dict[int, Coded] = {}

    def bpp(quality: int) -> float:
        tried[quality] = encode(quality)
        return 8 * tried[quality].num_bytes / num_pixels

    low, high = best, worst
    while low < high:
        middle = (low + high) // 2
        if bpp(middle) > target_bpp:
            low = middle + 1
        else:
            high = middle
    candidates = [quality for quality in (low - 1, low) if best <= quality <= worst]
    for quality in candidates:
        if quality not in tried:
            bpp(quality)
    chosen = min(candidates, key=lambda q: abs(8 * tried[q].num_bytes / num_pixels - target_bpp))
    return encode(chosen)
