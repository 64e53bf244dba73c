"""Runs: what is kept, what is done again, what fails, what is missing."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import MediaError, MissingToolError, OptionError
from mgv.eval.codecs import CodecError, CodecSpec, Rate, RdCodec, codec_from_spec
from mgv.eval.codecs.ffmpeg_codec import FfmpegCodec
from mgv.eval.metrics import psnr_db
from mgv.eval.metrics.registry import MetricOptions
from mgv.eval.rd import open_run
from mgv.eval.rd.datasets import read_dataset
from mgv.eval.rd.runner import RunPlan, RunSummary, run_plan


@pytest.fixture
def plan(tmp_path: Path, prepare) -> RunPlan:
    clips = tmp_path / "clips"
    clips.mkdir()
    prepare((64, 48), 4).path.rename(clips / "one.mov")
    rates = {"x264": [Rate("quality", 30), Rate("quality", 40)]}
    codecs = [CodecSpec("x264", "x264", {"preset": "ultrafast"})]
    return RunPlan(tmp_path / "run", read_dataset(clips), codecs, rates, MetricOptions(("psnr",)))


def counts(summary: RunSummary) -> tuple[int, int]:
    return summary.num_done, summary.num_kept


def files(run: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(run)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in (run / "points").rglob("*.*")
    }


def test_a_run_that_is_done_does_nothing_again(plan: RunPlan) -> None:
    assert counts(run_plan(plan)) == (2, 0)
    before = files(plan.folder)
    assert set(before) == {f"points/one/x264/q{q}.{suffix}" for q in (30, 40) for suffix in ("264", "json")}
    assert counts(run_plan(plan)) == (0, 2)
    assert files(plan.folder) == before


def test_a_run_that_was_cut_short_goes_on(plan: RunPlan) -> None:
    run_plan(plan)
    (plan.folder / "points/one/x264/q40.json").unlink()
    (plan.folder / "points/one/x264/q30.264").unlink()
    assert counts(run_plan(plan)) == (2, 0)
    (plan.folder / "points/one/x264/q30.264").write_bytes(b"another")
    assert counts(run_plan(plan)) == (1, 1)
    assert counts(run_plan(plan)) == (0, 2)


def test_a_point_has_all_that_is_needed_to_make_it_again(plan: RunPlan) -> None:
    run_plan(plan)
    run = open_run(plan.folder)
    (clip,) = run.clips
    worse, better = run.points
    assert (clip.name, clip.width, clip.height, clip.num_frames, clip.frame_rate) == ("one", 64, 48, 4, 25)
    assert (worse.label, better.label) == ("q40", "q30")
    assert better.bpp == 8 * better.num_bytes / (64 * 48 * 4)
    assert better.num_bytes == better.file.stat().st_size
    assert "-crf 30" in better.commands[0]
    assert better.file.name in better.commands[1]
    assert better.metrics["psnr_y"] > worse.metrics["psnr_y"]
    assert better.metrics["psnr_y"] == pytest.approx(np.mean(better.frame_metrics["psnr_y"]))
    assert (better.spec, better.measured) == (plan.codecs[0], {"psnr": "1"})
    decoded, source = list(run.frames(better)), list(run.source_frames(clip))
    assert [frame.shape for frame in decoded] == [(48, 64, 3)] * 4
    rgb = np.mean([psnr_db(one, other) for one, other in zip(source, decoded, strict=True)])
    assert rgb == pytest.approx(better.metrics["psnr_rgb"])


def test_metrics_are_added_to_kept_files_without_encoding(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_plan(plan)
    before = open_run(plan.folder).points
    monkeypatch.setattr(FfmpegCodec, "encode", _never)
    assert counts(run_plan(replace(plan, metrics=MetricOptions(("psnr", "ssim"))))) == (2, 0)
    after = open_run(plan.folder).points
    assert all(0.5 < point.metrics["ssim_y"] <= 1 for point in after)
    assert [replace(p, metrics={}, frame_metrics={}, measured={}) for p in after] == [
        replace(p, metrics={}, frame_metrics={}, measured={}) for p in before
    ]


def test_other_settings_or_versions_are_other_points(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    run_plan(plan)
    slower = replace(
        plan,
        codecs=[CodecSpec("x264", "x264", {"preset": "veryfast"})],
        rates={"x264": [Rate("quality", 30)]},
    )
    assert counts(run_plan(slower)) == (1, 0)
    (point,) = open_run(plan.folder).points  # q40 of the other preset would be another codec's
    assert point.spec.settings == {"preset": "veryfast"}
    monkeypatch.setattr(FfmpegCodec, "versions", lambda self: {"libx264": "999"})
    assert counts(run_plan(slower)) == (1, 0)
    assert open_run(plan.folder).points[0].versions == {"libx264": "999"}


def test_other_frames_are_other_points(plan: RunPlan) -> None:
    run_plan(plan)
    shorter = replace(plan, sources=[replace(plan.sources[0], frames=2)])
    assert counts(run_plan(shorter)) == (2, 0)
    assert all(len(point.frame_metrics["psnr_y"]) == 2 for point in open_run(plan.folder).points)


def test_redo_measures_again(plan: RunPlan) -> None:
    run_plan(plan)
    assert counts(run_plan(replace(plan, redo=frozenset({"x264"})))) == (2, 0)


def test_what_fails_is_noted_and_the_rest_goes_on(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = FfmpegCodec.decode

    def failing(self: RdCodec, file: Path, *rest: object) -> object:
        if file.stem == "q40":
            raise CodecError("it broke")
        return decode(self, file, *rest)

    monkeypatch.setattr(FfmpegCodec, "decode", failing)
    summary = run_plan(plan)
    assert summary.failures == ["one x264 q40: it broke"]
    assert json.loads((plan.folder / "failures.json").read_text("utf-8"))["failures"] == summary.failures
    assert [point.label for point in open_run(plan.folder).points] == ["q30"]
    monkeypatch.undo()
    assert counts(run_plan(plan)) == (1, 1)


def test_codecs_that_are_missing_are_listed(
    plan: RunPlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    both = replace(plan, codecs=[*plan.codecs, CodecSpec("vvencapp", "vvencapp")])
    monkeypatch.setenv("PATH", str(tmp_path))
    summary = run_plan(both)
    assert "install it" in summary.missing["vvencapp"]
    assert open_run(plan.folder).facts["missing"] == summary.missing
    with pytest.raises(MissingToolError, match="no codec is there"):
        run_plan(replace(plan, codecs=[CodecSpec("vvencapp", "vvencapp")]))


def test_several_processes_give_the_same_points(plan: RunPlan) -> None:
    run_plan(plan)
    two = replace(plan, folder=plan.folder.with_name("two"))
    assert counts(run_plan(two, num_processes=2)) == (2, 0)
    alone, together = open_run(plan.folder).points, open_run(two.folder).points
    assert [(p.sha256, p.metrics) for p in alone] == [(p.sha256, p.metrics) for p in together]


def test_mgv_is_a_codec_like_the_others(plan: RunPlan, tiny_model: Path) -> None:
    spec = CodecSpec("mgv", "mgv", {"model": str(tiny_model), "coder": "raw"})
    mgv = replace(plan, codecs=[spec], rates={"mgv": [Rate("quality", 0), Rate("bpp", 0.6)]})
    assert run_plan(mgv).failures == []
    run = open_run(plan.folder)
    level, target = sorted(run.points, key=lambda point: point.label, reverse=True)
    assert (level.label, target.label) == ("q0", "bpp0.6")
    assert target.bpp <= 0.6
    assert level.num_bytes == level.file.stat().st_size
    # 4 frames: 2 latent frames of 8 x 6 tokens of 5 bits
    assert level.raw_bpp == pytest.approx(2 * 8 * 6 * 5 / (64 * 48 * 4))
    assert len(level.versions["tokenizer_sha256"]) == 16
    assert level.metrics["psnr_y"] > 10
    assert len(list(run.frames(level))) == 4


def test_effort_and_segments_of_mgv_are_settings(plan: RunPlan, tiny_model: Path) -> None:
    settings = {"model": str(tiny_model), "coder": "raw"}
    slow = CodecSpec("slow", "mgv", {**settings, "effort": "6", "keyint": "1"})
    specs = [CodecSpec("mgv", "mgv", settings), slow]
    rates = {spec.name: [Rate("quality", 2)] for spec in specs}
    assert run_plan(replace(plan, codecs=specs, rates=rates)).failures == []
    plain, searched = open_run(plan.folder).points
    assert "--effort 6 --segment-frames 1" in searched.commands[0]
    assert "--effort" not in plain.commands[0]
    assert plain.sha256 != searched.sha256
    assert searched.num_bytes > plain.num_bytes
    with pytest.raises(OptionError, match="whole number"):
        codec_from_spec(CodecSpec("slow", "mgv", {**settings, "effort": "much"}))


@pytest.mark.slow
def test_ray_gives_the_same_points(plan: RunPlan) -> None:
    """On a cluster of this machine alone; starting it takes a quarter of a minute."""
    pytest.importorskip("ray", reason="needs pip install 'mgv[scale]'")
    run_plan(plan)
    other = replace(plan, folder=plan.folder.with_name("ray"))
    assert counts(run_plan(other, engine="ray")) == (2, 0)
    here, there = open_run(plan.folder).points, open_run(other.folder).points
    assert [(p.sha256, p.metrics) for p in here] == [(p.sha256, p.metrics) for p in there]


def test_without_ray_there_is_a_way_to_get_it(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingToolError, match=r"pip install 'mgv\[scale\]'"):
        run_plan(plan, engine="ray")


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no run folder"):
        open_run(tmp_path)
    (tmp_path / "run.json").write_text('{"version": 99}', "utf-8")
    with pytest.raises(MediaError, match="layout version 99, expected 1"):
        open_run(tmp_path)
    (tmp_path / "run.json").write_text("[1]", "utf-8")
    with pytest.raises(MediaError, match="holds a list"):
        open_run(tmp_path)
    (tmp_path / "run.json").write_text("{", "utf-8")
    with pytest.raises(MediaError, match="can't be read as JSON"):
        open_run(tmp_path)


def _never(*arguments: object) -> None:
    raise AssertionError("encoded again")
