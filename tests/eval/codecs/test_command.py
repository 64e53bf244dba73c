"""Codecs by command templates: two small programs that cut the low bits off."""

import sys
from pathlib import Path

import pytest

from mgv.codec import MissingToolError, OptionError
from mgv.eval.codecs import CodecError, CodecSpec, Rate, codec_from_spec, parse_codecs
from mgv.eval.codecs.clip import read_planes

ENCODER = """
import sys, zlib
source, target, quality, width, height = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
head, *frames = open(source, "rb").read().split(b"FRAME\\n")
assert f"W{width} H{height}".encode() in head
mask = 256 - (1 << quality)
open(target, "wb").write(zlib.compress(bytes(value & mask for value in b"".join(frames))))
"""
DECODER = "import sys, zlib\nopen(sys.argv[2], 'wb').write(zlib.decompress(open(sys.argv[1], 'rb').read()))\n"


@pytest.fixture
def codec_file(tmp_path: Path) -> Path:
    (tmp_path / "encoder.py").write_text(ENCODER, "utf-8")
    (tmp_path / "decoder.py").write_text(DECODER, "utf-8")
    path = tmp_path / "codecs.toml"
    path.write_text(
        f"""
[cut]
encode = "{sys.executable} {tmp_path}/encoder.py {{input}} {{output}} {{quality}} {{width}} {{height}}"
decode = "{sys.executable} {tmp_path}/decoder.py {{input}} {{output}}"
suffix = "cut"
ladder = [1, 3, 5]
quality_range = [0, 7]
version = "{sys.executable} --version"
""",
        "utf-8",
    )
    return path


def test_a_codec_from_a_file(codec_file: Path, prepare, tmp_path: Path) -> None:
    _, spec = parse_codecs("x264", codec_file=codec_file)
    codec, clip = codec_from_spec(spec), prepare((33, 31), 3)
    assert (codec.name, codec.ladder, codec.suffix) == ("cut", (1, 3, 5), "cut")
    assert next(iter(codec.versions().values())).startswith("Python 3")
    coded = codec.encode(clip, Rate("quality", 4), tmp_path / "a.cut", tmp_path)
    assert coded.num_bytes == (tmp_path / "a.cut").stat().st_size
    codec.decode(tmp_path / "a.cut", clip, tmp_path / "raw", tmp_path)
    frames = list(read_planes(tmp_path / "raw", (33, 31), 3))
    assert all(not (plane & 15).any() for frame in frames for plane in frame)
    bytes_at = {
        quality: codec.encode(clip, Rate("quality", quality), tmp_path / "b.cut", tmp_path).num_bytes
        for quality in range(8)
    }
    target = 8 * (bytes_at[3] + 1) / clip.format.num_pixels
    assert codec.encode(clip, Rate("bpp", target), tmp_path / "b.cut", tmp_path).rate == Rate("quality", 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encode": "enc {input}", "suffix": "x"}, "'ladder' is missing"),
        (
            {"encode": "enc {clip}", "suffix": "x", "ladder": "1"},
            "encode has '{clip}', expected in braces one of frames",
        ),
        ({"encode": "enc '{input}", "suffix": "x", "ladder": "1"}, "encode is .*close every quote"),
        ({"encode": "enc", "decode": 'd "', "suffix": "x", "ladder": "1"}, "decode is .*close every quote"),
        ({"encode": "enc", "version": "v '", "suffix": "x", "ladder": "1"}, "version is .*close every quote"),
        ({"encode": "enc {input {output}", "suffix": "x", "ladder": "1"}, "encode has '{input': "),
        ({"encode": "enc input}", "suffix": "x", "ladder": "1"}, "encode has 'input}': "),
        (
            {"encode": "enc {quality:d}", "suffix": "x", "ladder": "1"},
            "encode has '{quality:d}', expected in braces",
        ),
        ({"encode": " ", "suffix": "x", "ladder": "1"}, "'encode' is missing"),
        ({"encode": "enc", "suffix": "x", "ladder": "low"}, "expected numbers"),
        ({"encode": "enc", "suffix": "x", "ladder": "1", "bit_depth": "nan"}, "expected finite numbers"),
        ({"encode": "enc", "suffix": "x", "ladder": "1", "shell": "yes"}, "no field 'shell'"),
        ({"encode": "enc", "suffix": "x", "ladder": "1", "quality_range": "3"}, "best and the worst"),
    ],
)
def test_templates_that_are_not_understood(settings: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        codec_from_spec(CodecSpec("mine", "command", settings))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x264", ["x264", "cp", "mv"]),
        ("mv,x264", ["x264", "mv"]),
        ("cp", ["cp"]),
        ("", ["cp", "mv"]),
    ],
)
def test_codecs_of_a_file_are_named_like_others(text: str, names: list[str], tmp_path: Path) -> None:
    template = 'encode = "{} {{input}} {{output}}"\nsuffix = "y4m"\nladder = [1]\n'
    path = tmp_path / "codecs.toml"
    path.write_text("".join(f"[{name}]\n{template.format(name)}" for name in ("cp", "mv")), "utf-8")
    assert [spec.name for spec in parse_codecs(text, codec_file=path)] == names
    with pytest.raises(
        OptionError, match=r"codec is 'ln', expected one of mgv, .*; of the codec file.*: cp, mv"
    ):
        parse_codecs("ln", codec_file=path)
    path.write_text(f"[x264]\n{template.format('cp')}", "utf-8")
    with pytest.raises(OptionError, match="two codecs are called 'x264'"):
        parse_codecs("x264", codec_file=path)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "codecs.toml").write_text("[mine", "utf-8")
    with pytest.raises(OptionError, match="can't be read as TOML"):
        parse_codecs("x264", codec_file=tmp_path / "codecs.toml")


def test_programs_that_are_not_there_or_do_nothing(prepare, tmp_path: Path) -> None:
    facts = {"encode": "no-such-encoder {input}", "suffix": "x", "ladder": "1"}
    with pytest.raises(MissingToolError, match="no-such-encoder: is not on PATH"):
        codec_from_spec(CodecSpec("mine", "command", facts)).versions()
    idle = codec_from_spec(CodecSpec("idle", "command", {**facts, "encode": "true"}))
    with pytest.raises(CodecError, match=r"wrote no \{output\}"):
        idle.encode(prepare(), Rate("quality", 1), tmp_path / "a.x", tmp_path)


def test_vvencapp_is_looked_for_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="vvencapp: is not on PATH"):
        codec_from_spec(CodecSpec("vvencapp", "vvencapp")).versions()
    with pytest.raises(OptionError, match="has no settings"):
        codec_from_spec(CodecSpec("vvencapp", "vvencapp", {"preset": "slow"}))
