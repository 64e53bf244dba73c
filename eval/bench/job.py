"""One encoding, decoding or measuring of stages in a process of its own, so that its peak memory is its own."""

import json
import sys
from pathlib import Path
from typing import Any

from ...codec import decode, encode
from ..metrics import peak_memory_bytes
from .stages import measure_stages


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Encode, decode or measure the stages as `job` says and give the report, with the peak memory of this process.

    Args:
        job: `do` ("encode", "decode" or "stages"), `source`, `target` (but for stages), `model`, and but for decode
            `quality`.
    """
    if job["do"] == "stages":
        stages = measure_stages(Path(job["source"]), job["model"], job["quality"])
        facts: dict[str, Any] = {"stages": [vars(stage) for stage in stages]}
    elif job["do"] == "encode":
        encoded = encode(job["source"], job["target"], quality=job["quality"], model=job["model"])
        facts = {**vars(encoded), "bpp": encoded.bpp, "fps": encoded.fps}
    else:
        decoded = decode(job["source"], job["target"], model=job["model"])
        facts = {**vars(decoded), "fps": decoded.fps}
    return {**facts, "peak_bytes": peak_memory_bytes()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_job(json.loads(sys.argv[1]))))
