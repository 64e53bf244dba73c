"""Tokens of golden files do not depend on what decodes them: library, threads, precision, instructions.

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

DECODE = (
    f"TESTS = {str(HERE.parent)!r}"
    + """
import dataclasses, hashlib, io, json, struct, sys
sys.modules["torch"] = None  # importing it fails
sys.path.insert(0, TESTS)
from pathlib import Path
import numpy as np
from conformance import plain_networks
from mgv.codec.entropy import get_coder, prior_network, prior_parameters
from mgv.container import Reader, TimedSegment

golden, model, arithmetic = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

class PlainNetwork(prior_network.PriorNetwork):
    def __init__(self, planes, depths, layers):
        super().__init__(planes, depths, layers)
        self._layers = layers

    def predict(self, centres, shape, layer, frame):
        network, view = self._layers[layer], self.views[layer]
        centres = centres.reshape(*shape, -1)
        dtype = getattr(np, arithmetic)
        return plain_networks.predict(network, view, self.dimension_bits, centres, frame, dtype)

def half(planes, depths, layers):
    rounded = []
    for layer in layers:
        arrays = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
        arrays = {name: array.astype(np.float16).astype(array.dtype) for name, array in arrays.items()}
        rounded.append(type(layer)(**arrays))
    return prior_network.PriorNetwork(planes, depths, rounded)

if arithmetic != "integers":
    prior_parameters.PriorNetwork = half if arithmetic == "half weights" else PlainNetwork
dimensions = json.loads((model / "model.json").read_text())["tokenizer"]["plane_dimensions"]
planes = tuple((d, dimensions[:k].count(d)) for k, d in enumerate(dimensions))
coder = get_coder("prior", planes, model / "prior.safetensors")
found = {}
for name in sys.argv[4:]:
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
)


@pytest.mark.parametrize(
    ("processor", "threads", "arithmetic"),
    [*itertools.product(("",), (1, 2), ("integers", "float32", "float64")), ("generic", 1, "integers")],
)
def test_the_prior_is_exact(
    processor: str,
    threads: int,
    arithmetic: str,
    expected: dict[str, dict[str, Any]],
    model: Path,
    tmp_path: Path,
) -> None:
    """Compiled for the processor that is there, and for the least one of its kind."""
    count = str(threads)
    chosen = {"NUMBA_CPU_NAME": processor, "NUMBA_CACHE_DIR": str(tmp_path)} if processor else {}
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(HERE / "golden"), str(model), arithmetic, *PRIORS],
        env={
            **os.environ,
            "OPENBLAS_NUM_THREADS": count,
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            **chosen,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {name: expected[name]["tokens_sha256"] for name in PRIORS}


def test_other_arithmetic_would_show(model: Path, expected: dict[str, dict[str, Any]]) -> None:
    """The networks of the golden files make a difference: with parameters in half precision the tokens are others."""
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(HERE / "golden"), str(model), "half weights", *PRIORS],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        assert json.loads(done.stdout) != {name: expected[name]["tokens_sha256"] for name in PRIORS}
    else:
        assert "CorruptError" in done.stderr  # a payload with bytes left over: caught earlier
