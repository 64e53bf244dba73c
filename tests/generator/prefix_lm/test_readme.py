"""README's example of the prefix language model runs."""

import re
from pathlib import Path

import mgv
from mgv.generator.card import save_generator
from mgv.generator.prefix_lm.config import SIZES, PrefixConfig
from mgv.generator.prefix_lm.model import PrefixLM

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_example_runs(tmp_path, monkeypatch, make_clip, tiny_model) -> None:
    section = README.read_text("utf-8").partition("## Prefix language model")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    tokenizer = mgv.load_tokenizer(tiny_model)
    config = PrefixConfig(**SIZES["tiny"], window=(5, 8, 8), bit_depths=tokenizer.config.bit_depths)
    card = {
        "kind": "prefix-lm",
        "generator": config.to_dict(),
        "tokenizer": "tiny",
        "tokenizer_sha256": tokenizer.sha256,
    }
    save_generator(PrefixLM(config), tmp_path / "runs" / "prefix" / "model", card)
    clip = make_clip(size=(64, 64))
    mgv.encode(clip, tmp_path / "in.mgv", model=tiny_model, coder="zstd")
    monkeypatch.chdir(tmp_path)
    code = code.replace("mgv.open(", f"mgv.open(model={str(tiny_model)!r}, path=")
    code = code.replace("    ...", "    shapes.append(latents.shape)")
    shapes: list[tuple[int, ...]] = []
    exec(compile(code, "README.md", "exec"), {"shapes": shapes})
    assert shapes == [(3, 8, 8)] * 6 + [(2, 8, 8)]
