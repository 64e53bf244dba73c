"""What README says of features at equal bytes follows from the table that lies beside the weights."""

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")

Curve = dict[str, tuple[float, float]]
"""By rate: bits per pixel, distance of features."""


def curves() -> dict[tuple[str, str], Curve]:
    found: dict[tuple[str, str], Curve] = defaultdict(dict)
    table = ROOT / "tokenizer" / "models" / "mgv-s" / "rate_distortion.csv"
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = float(row["bpp"]), float(row["squeezenet_distance"])
            found[row["clip"], row["codec"]][row["rate"]] = point
    return found


def at_equal_bytes(rate: str) -> tuple[float, float]:
    """Mean distance of mgv, and of x265 on lines in the log of bytes; below its fewest bytes, that of the fewest."""
    table = curves()
    clips = {clip for clip, _ in table} - {"mean"}
    ours, theirs = [], []
    for clip in clips:
        bpp, distance = table[clip, "mgv"][rate]
        anchors = sorted(table[clip, "x265"].values())
        ours.append(distance)
        theirs.append(np.interp(np.log(bpp), np.log([b for b, _ in anchors]), [d for _, d in anchors]))
    return float(np.mean(ours)), float(np.mean(theirs))


def test_features_at_equal_bytes_are_what_readme_says() -> None:
    said = re.findall(r"(0\.\d{3}) against (0\.\d{3})", README)
    assert len(said) == 2
    for rate, figures in zip(("q5", "q6"), said, strict=True):
        assert tuple(f"{value:.3f}" for value in at_equal_bytes(rate)) == figures
    ahead = [rate for rate in ("q2", "q3", "q4", "q5", "q6", "q7") if np.diff(at_equal_bytes(rate)) > 0]
    assert ahead == ["q2", "q3", "q4", "q5"]  # up to level 5
