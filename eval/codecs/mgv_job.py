"""One encoding or decoding by mgv in a process of its own, run as a module by `mgv.py`."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...codec import encode, read_info
from ...codec import open as open_mgv
from ...codec.colour import RgbToFrame
from ...tokenizer import load_tokenizer
from .clip import Planes, write_planes


class Clock:
    """Wall and CPU time since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Give both in seconds."""
        wall, cpu = self._start
        return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def encode_job(job: dict[str, Any]) -> dict[str, Any]:
    """Encode as `job` says; gives the bytes without audio, the tokens' bits before coding, and the seconds."""
    wish: dict[str, Any] = {name: job[name] for name in ("quality", "bpp") if name in job}
    tokenizer = load_tokenizer(job["model"])
    clock = Clock()
    wish |= {
        name: job[name] for name in ("coder", "effort", "segment_frames", "follow_camera", "align_motion")
    }
    report = encode(job["source"], job["target"], model=tokenizer, force=True, **wish)
    return {
        **clock.read(),
        "num_bytes": report.file_bytes - report.audio_bytes,
        "raw_bits": read_info(job["target"]).raw_bits,
    }


def decode_job(job: dict[str, Any]) -> dict[str, Any]:
    """Decode to raw 4:2:0 frames; gives their number and the seconds, those of loading the models left out."""
    with open_mgv(job["source"], model=job["model"]) as video:
        _ = video.tokenizer  # loads the weights
        clock = Clock()
        num_frames = write_planes(Path(job["target"]), _decoded(video))
        return {**clock.read(), "num_frames": num_frames}


def _decoded(video: Any) -> Iterator[Planes]:
    to_frame = RgbToFrame("yuv420p", video.info.header.colour)
    for frame in video.frames():
        planes = to_frame.convert(frame.rgb)
        y, u, v = (_plane(plane) for plane in planes.planes)
        yield y, u, v


def _plane(plane: Any) -> Any:
    import numpy as np

    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


JOBS = {"encode": encode_job, "decode": decode_job}

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(JOBS[asked["do"]](asked)))
