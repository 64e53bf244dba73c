"""The commands of `mgv` on good input: reports, JSON, pipes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mgv
from mgv.tools.cli import COMMANDS, run

pytestmark = pytest.mark.usefixtures("short_segments")
ClipMaker = Callable[..., Path]


@pytest.fixture
def coded(make_clip: ClipMaker, tiny_model: Path, tmp_path: Path) -> Path:
    path = tmp_path / "coded.mgv"
    mgv.encode(make_clip("clip.mp4", num_frames=40, with_audio=True), path, model=tiny_model, coder="raw")
    return path


def json_of(capsys: pytest.CaptureFixture[str]) -> dict:
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"Usage: mgv {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"mgv {mgv.__version__}\n"


def test_encode_and_decode(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, coded, decoded = make_clip(), tmp_path / "out.mgv", tmp_path / "out.mkv"
    common = ["--model", str(tiny_model)]
    assert run(["encode", str(clip), str(coded), "--coder", "raw", "--quality", "1", *common]) == 0
    assert capsys.readouterr().out.startswith(f"{coded}: 12 frames of 64x48, {coded.stat().st_size} bytes, ")
    assert run(["encode", str(clip), str(coded), "--coder", "raw", "--force", "--json", *common]) == 0
    facts = json_of(capsys)
    assert (facts["num_frames"], facts["quality"], facts["file_bytes"]) == (12, 2, coded.stat().st_size)
    assert facts["bpp"] == pytest.approx(coded.stat().st_size * 8 / (64 * 48 * 12))
    assert run(["decode", str(coded), str(decoded), "--lossless", "--json", *common]) == 0
    assert json_of(capsys)["num_frames"] == 12
    assert (
        run(["decode", str(coded), str(decoded), "--force", "--start", "0.2", "--layers", "1", *common]) == 0
    )
    assert capsys.readouterr().out.startswith(f"{decoded}: 7 frames, ")


def test_info(coded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(coded), "--json"]) == 0
    facts = json_of(capsys)
    assert facts["file_bytes"] == sum(facts["bytes_by_chunk"].values()) == coded.stat().st_size
    assert (facts["num_frames"], facts["num_segments"], facts["duration_seconds"]) == (40, 2, 1.6)
    assert (facts["header"]["width"], facts["header"]["tokenizer"]) == (64, "tiny")
    assert facts["audio"][0]["codec"] == "aac"
    assert run(["info", str(coded)]) == 0
    text = capsys.readouterr().out
    assert "64x48" in text
    assert "aac, 16000 Hz, mono" in text
    assert "40 frames, 1.600 s, 25.000 frames/s, constant rate" in text


def test_thin_drops_layers(
    coded: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thin = tmp_path / "thin.mgv"
    assert run(["thin", str(coded), str(thin), "--layers", "2"]) == 0
    assert thin.stat().st_size < coded.stat().st_size
    with mgv.open(coded, model=tiny_model) as full, mgv.open(thin, model=tiny_model) as part:
        assert part.info.header.bit_depths == full.info.header.bit_depths[:2]
        assert part.tokens().ids.equal(full.tokens().at_depth(10).ids)
        for one, other in zip(full.frames(layers=2), part.frames(), strict=True):
            np.testing.assert_array_equal(one.rgb, other.rgb)
    assert run(["thin", str(coded), str(tmp_path / "no.mgv"), "--layers", "9"]) == 2
    assert not (tmp_path / "no.mgv").exists()


def test_verify_and_repair(
    coded: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(coded)]) == 0
    assert capsys.readouterr().out == f"{coded}: whole, 2 segments, 40 frames\n"
    cut, mended = tmp_path / "cut.mgv", tmp_path / "mended.mgv"
    cut.write_bytes(coded.read_bytes()[:-70])
    assert run(["verify", str(cut)]) == 4
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["verify", str(cut), "--json"]) == 4
    assert json_of(capsys)["is_whole"] is False
    assert run(["repair", str(cut), str(mended)]) == 8
    capsys.readouterr()
    assert run(["verify", str(mended)]) == 0
    assert run(["repair", str(coded), str(tmp_path / "same.mgv")]) == 0
    assert (tmp_path / "same.mgv").read_bytes() == coded.read_bytes()


def test_tokens_to_npz_and_back(
    coded: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, again = tmp_path / "tokens.npz", tmp_path / "again.mgv"
    model = ["--model", str(tiny_model)]
    assert run(["tokens", str(coded), str(archive), *model]) == 0
    assert "audio is left behind" in capsys.readouterr().err
    with np.load(archive) as arrays, mgv.open(coded, model=tiny_model) as video:
        assert int(arrays["bit_depth_0"]) == 20
        np.testing.assert_array_equal(arrays["ids_1"], video.tokens(1).ids[0].numpy())
        assert len(arrays["pts_1"]) == 7 + 1
    assert run(["tokens", str(archive), str(again), "--coder", "zstd", *model]) == 0
    with mgv.open(coded, model=tiny_model) as before, mgv.open(again, model=tiny_model) as after:
        assert after.info.coder_name == "zstd"
        assert [frame.pts for frame in before.frames()] == [frame.pts for frame in after.frames()]
        for segment in range(2):
            assert before.tokens(segment).ids.equal(after.tokens(segment).ids)


def test_models_lists_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    from mgv.generator.card import list_generators
    from mgv.tokenizer import list_models

    assert run(["models", "--json"]) == 0
    found = json_of(capsys)
    assert {entry["name"] for entry in found["tokenizers"]} == set(list_models())
    assert {entry["name"] for entry in found["generators"]} == set(list_generators())
    assert run(["models"]) == 0


def test_demo_on_a_file(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    clip, folder = make_clip(num_frames=6), tmp_path / "demo"
    arguments = ["demo", str(clip), "--output", str(folder), "--model", str(tiny_model)]
    assert run([*arguments, "--json"]) == 0
    facts = json_of(capsys)
    assert facts["file_bytes"] == (folder / "demo.mgv").stat().st_size
    assert facts["psnr_y_db"] > 28
    assert sorted(path.name for path in folder.iterdir()) == ["demo.mgv", "demo.mp4", "demo.png"]
    with Image.open(folder / "demo.png") as picture:
        assert picture.size == (64 * 2 + 4, 48 * 3 + 4 * 2)
    assert run([*arguments, "--force"]) == 0
    assert "PSNR-Y" in capsys.readouterr().out


@pytest.mark.slow
def test_bench_measures_every_clip(
    make_clip: ClipMaker, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    make_clip("clip.mkv", num_frames=5).rename(clips / "clip.mkv")
    (clips / "notes.txt").write_text("no clip")
    output = tmp_path / "bench"
    assert run(["bench", str(clips), "-q", "2", "--model", str(tiny_model), "-o", str(output), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["clip"], result["quality"], result["num_frames"]) == ("clip.mkv", 2, 5)
    assert result["psnr_y_db"] > 28
    assert result["ms_ssim"] is None
    assert min(result["encode_peak_bytes"], result["decode_peak_bytes"]) > 50e6
    assert "| clip.mkv | 64x48 | 5 | 2 |" in (output / "bench.md").read_text()
    assert json.loads((output / "bench.json").read_text()) == [result]


def test_bench_leaves_out_what_is_no_video(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mgv.codec import MediaError
    from mgv.eval.bench import clips

    def measure_clip(clip: Path, quality: int, model: str) -> clips.ClipResult:
        if "junk" in clip.name:
            raise MediaError(f"{clip} is no video")
        return clips.ClipResult(clip.name, quality, 64, 48, 5, 999, 0.5, 30.0, None, 9.0, 9.0, 10**8, 10**8)

    monkeypatch.setattr(clips, "measure_clip", measure_clip)
    for name in ("a.mp4", "junk.mp4", "z.mp4"):
        (tmp_path / name).touch()
    assert run(["bench", str(tmp_path), "-q", "1", "-q", "2", "--model", str(tiny_model), "--json"]) == 9
    out, err = capsys.readouterr()
    assert [(result["clip"], result["quality"]) for result in json.loads(out)] == [
        ("a.mp4", 1),
        ("a.mp4", 2),
        ("z.mp4", 1),
        ("z.mp4", 2),
    ]
    assert err == f"mgv: warning: left out: {tmp_path / 'junk.mp4'} is no video\n"


@pytest.mark.slow
def test_pipes_carry_mgv_in_and_y4m_out(make_clip: ClipMaker, tiny_model: Path) -> None:
    clip = make_clip(num_frames=4)
    mgv_command = [sys.executable, "-c", "from mgv.tools.cli import main; main()"]
    options = ["-", "-", "--model", str(tiny_model)]
    with clip.open("rb") as file:
        coded = subprocess.run(
            [*mgv_command, "encode", *options], stdin=file, capture_output=True, check=True
        )
    assert coded.stderr == b""
    decoded = subprocess.run(
        [*mgv_command, "decode", *options], input=coded.stdout, capture_output=True, check=True
    )
    assert decoded.stderr == b""
    assert decoded.stdout.startswith(b"YUV4MPEG2 W64 H48 F25:1")
    assert decoded.stdout.count(b"FRAME\n") >= 4


def test_it_runs_as_a_module() -> None:
    """As README has `accelerate launch` start it."""
    done = subprocess.run(
        [sys.executable, "-m", "mgv.tools.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert mgv.__version__ in done.stdout
