"""Tokens of golden files do not depend on what decodes them: library, threads, precision, how much at a time.

No torch takes part in it, so none can make a difference: a process that has no torch decodes the same tokens.
"""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PRIORS = sorted(path.stem for path in (HERE / "golden").glob("*-prior.mgv"))

DECODE = """
import contextlib, functools, hashlib, io, json, struct, sys
sys.modules["torch"] = None  # importing it fails
from pathlib import Path
import numpy as np
from mgv.codec.entropy import get_coder, prior, prior_network, prior_parameters
from mgv.container import Reader, TimedSegment

golden, model, dtype, band = Path(sys.argv[1]), Path(sys.argv[2]), getattr(np, sys.argv[3]), int(sys.argv[4])
prior_network.BAND_POSITIONS = band
prior.one_thread = contextlib.nullcontext  # as many as the environment says
prior_parameters.PriorNetwork = functools.partial(prior_network.PriorNetwork, dtype=dtype)
dimensions = json.loads((model / "model.json").read_text())["tokenizer"]["plane_dimensions"]
planes = tuple((d, dimensions[:k].count(d)) for k, d in enumerate(dimensions))
coder = get_coder("prior", planes, model / "prior.safetensors")
found = {}
for name in sys.argv[5:]:
    reader = Reader(io.BytesIO((golden / f"{name}.mgv").read_bytes()))
    assert reader.header.coder_sha256 == coder.parameters_sha256
    digest = hashlib.sha256()
    for event in reader.events():
        if isinstance(event, TimedSegment):
            segment = event.segment
            depths = reader.header.bit_depths[: len(segment.layers)]
            ids = coder.decode([layer.payload for layer in segment.layers], segment.latent_shape, depths)
            digest.update(struct.pack("<4I", *ids.shape, depths[-1]))
            digest.update(ids.astype("<i8").tobytes())
    found[name] = digest.hexdigest()
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("threads", "dtype", "positions"),
    list(itertools.product((1, 2), ("float32", "float64"), (1, 4 * 12))),
)
def test_the_prior_is_exact(
    threads: int, dtype: str, positions: int, expected: dict[str, dict[str, Any]], model: Path
) -> None:
    """With one row of positions at a time, and with four."""
    count = str(threads)
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(HERE / "golden"), str(model), dtype, str(positions), *PRIORS],
        env={**os.environ, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {name: expected[name]["tokens_sha256"] for name in PRIORS}


def test_other_arithmetic_would_show(model: Path, expected: dict[str, dict[str, Any]]) -> None:
    """The networks of the golden files make a difference: with half precision the tokens are others."""
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(HERE / "golden"), str(model), "float16", "48", *PRIORS],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        assert json.loads(done.stdout) != {name: expected[name]["tokens_sha256"] for name in PRIORS}
    else:
        assert "CorruptError" in done.stderr  # a payload with bytes left over: caught earlier
