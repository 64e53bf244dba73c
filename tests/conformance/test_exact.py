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

DECODE = """
import dataclasses, hashlib, io, json, struct, sys
sys.modules["torch"] = None  # importing it fails
from pathlib import Path
import numpy as np
from mgv.codec.entropy import get_coder, prior_network, prior_parameters
from mgv.container import Reader, TimedSegment

golden, model, arithmetic = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

class FloatNetwork(prior_network.PriorNetwork):
    # The same in matrix products of floating-point numbers, as FORMAT.md allows.
    def __init__(self, planes, depths, layers):
        super().__init__(planes, depths, layers)
        self._layers, self._dtype = layers, getattr(np, arithmetic)

    def predict(self, centres, shape, layer, frame):
        t, h, w = shape
        view, network = self.views[layer], self._layers[layer]
        bits = self.dimension_bits
        steps = (centres.reshape(t, h, w, -1).astype(np.int64) >> 15 - bits) - (1 << bits) - 1
        parts = [steps[max(frame - back, 0)][..., view.past] * (frame > 0) for back in (1, 2)]
        parts += [steps[min(frame + ahead, t - 1)][..., view.known] for ahead in (0, 1)]
        parts.append(np.broadcast_to([frame == 0, frame == t - 1], (h, w, 2)))
        inputs = np.concatenate(parts, axis=2)
        hidden = self._hide(self._sums(inputs, network.first, network.first_bias))
        around = np.pad(hidden, ((1, 1), (1, 1), (0, 0)), mode="edge")
        windows = [around[y : y + h, x : x + w] for y in range(3) for x in range(3)]
        second = network.second.reshape(-1, network.second.shape[-1])
        deeper = self._hide(self._sums(np.concatenate(windows, axis=2), second, network.second_bias))
        joined = np.concatenate([deeper, inputs], axis=2)
        sums = self._sums(joined, network.last, network.last_bias).reshape(h * w, -1).astype(np.int32)
        places, spreads = np.split(sums, 2, axis=1)
        return np.clip(places >> 6, -65536, 65536), np.clip(spreads >> 11, -24, 40) + 24

    def _sums(self, x, weights, bias):
        return x.astype(self._dtype) @ weights.astype(self._dtype) + bias.astype(self._dtype)

    def _hide(self, sums):
        return np.clip(np.floor(sums / 1024), 0, 255)

def half(planes, depths, layers):
    rounded = []
    for layer in layers:
        arrays = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
        arrays = {name: array.astype(np.float16).astype(array.dtype) for name, array in arrays.items()}
        rounded.append(type(layer)(**arrays))
    return prior_network.PriorNetwork(planes, depths, rounded)

if arithmetic != "integers":
    prior_parameters.PriorNetwork = half if arithmetic == "half weights" else FloatNetwork
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
