"""Recoloured clips for training: strong colours, which natural video has few of, and other brightness."""

import numpy as np

from .klt import RGB_TO_YCBCR

MAX_SATURATION = 3.0
"""How many times as strong colours become at most."""

BRIGHTNESS = (0.6, 1.4)
"""By how much luma is multiplied, least and most; black stays black."""


def recolour(clip: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turn the hue of a clip, strengthen its colours and change its brightness, each by a factor drawn for all of it.

    Args:
        clip: uint8 `[..., 3]`, RGB.
        random: draws the factors.

    Returns:
        uint8, of the same shape; what is out of range is clipped, as where a camera's sensor is saturated.
    """
    angle, saturation = random.uniform(0, 2 * np.pi), random.uniform(0.5, MAX_SATURATION)
    turn = np.eye(3)
    turn[1:, 1:] = saturation * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[0, 0] = random.uniform(*BRIGHTNESS)
    to_ycbcr = np.asarray(RGB_TO_YCBCR, np.float64)
    matrix = (np.linalg.inv(to_ycbcr) @ turn @ to_ycbcr).astype(np.float32)
    changed = clip.astype(np.float32) @ matrix.T
    pixels: np.ndarray = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return pixels
