"""One encoding, decoding or measuring of stages in a process of its own, so that its peak memory is its own."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ...codec import decode, encode
from ..metrics import peak_memory_bytes
from .clips import EXPECTED_ERRORS
from .stages import measure_stages


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Encode, decode or measure the stages as `job` says and give the report, with the peak memory of this process.

    Args:
        job: `do` ("encode", "decode", "discard": decode to y4m that nobody keeps, or "stages"), `source`, `model`; for
            encode and decode `target`; for encode and stages `quality`; for discard `engine`.
    """
    if job["do"] == "stages":
        stages = measure_stages(Path(job["source"]), job["model"], job["quality"])
        facts: dict[str, Any] = {"stages": [vars(stage) for stage in stages]}
    elif job["do"] == "encode":
        encoded = encode(job["source"], job["target"], quality=job["quality"], model=job["model"])
        facts = {**vars(encoded), "bpp": encoded.bpp, "fps": encoded.fps}
    elif job["do"] == "decode":
        decoded = decode(job["source"], job["target"], model=job["model"])
        facts = {**vars(decoded), "fps": decoded.fps}
    else:
        started = time.process_time()
        with open(os.devnull, "wb") as nothing:
            decoded = decode(job["source"], nothing, model=job["model"], engine=job["engine"])
        cpu_seconds = time.process_time() - started
        facts = {**vars(decoded), "fps": decoded.fps, "cpu_seconds": cpu_seconds}
    return {**facts, "peak_bytes": peak_memory_bytes()}


def answer_job(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job; an expected error is an answer too, its name and message, for `run_alone` to raise."""
    try:
        return run_job(job)
    except tuple(EXPECTED_ERRORS.values()) as error:
        name = next(name for name, expected in EXPECTED_ERRORS.items() if isinstance(error, expected))
        return {"error": name, "message": str(error)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer_job(json.loads(sys.argv[1]))))
