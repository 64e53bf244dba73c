"""Reports and comparisons of a small finished run."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from mgv.codec import OptionError
from mgv.eval.rd import open_run
from mgv.eval.rd.compare import compare_runs, comparison_markdown
from mgv.eval.rd.report import Report, write_report


@pytest.fixture(scope="module")
def report(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_report(open_run(finished_run), tmp_path_factory.mktemp("report"), frame_rates_bpp=(0.5, 1.5))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_hold_every_point_and_frame(report: Report) -> None:
    points = rows(report.folder / "points.csv")
    assert len(points) == 2 * 2 * 4
    assert {point["clip"] for point in points} == {"a", "b"}
    frames = rows(report.folder / "frames.csv")
    assert len(frames) == len(points) * 8
    first = points[0]
    own = [f for f in frames if all(f[name] == first[name] for name in ("clip", "codec", "label"))]
    assert float(first["psnr_y"]) == pytest.approx(np.mean([float(frame["psnr_y"]) for frame in own]))
    assert all(point["psnr_y_on_hull"] in ("0", "1") for point in points)


def test_bd_rates_are_those_of_bjontegaard_on_the_csv(report: Report) -> None:
    from bjontegaard import bd_rate

    assert report.anchor == "x265"
    points = rows(report.folder / "points.csv")

    def curve(clip: str, codec: str) -> tuple[list[float], list[float]]:
        own = sorted(
            (p for p in points if (p["clip"], p["codec"]) == (clip, codec)), key=lambda p: float(p["bpp"])
        )
        return [float(p["bpp"]) for p in own], [float(p["psnr_y"]) for p in own]

    for method in ("pchip", "akima"):
        for clip in ("a", "b"):
            by_hand = bd_rate(*curve(clip, "x265"), *curve(clip, "x264"), method, min_overlap=0)
            (ours,) = (
                float(row["rate_percent"])
                for row in rows(report.folder / "bd.csv")
                if (row["clip"], row["codec"], row["column"], row["method"])
                == (clip, "x264", "psnr_y", method)
            )
            assert ours == pytest.approx(by_hand)


def test_the_summary_has_a_version_and_everything_in_it(report: Report) -> None:
    summary = json.loads((report.folder / "summary.json").read_text("utf-8"))
    assert summary["version"] == 1
    assert len(summary["points"]) == 16
    assert summary["points"][0]["commands"][0].count("ffmpeg") >= 1
    assert list(summary["missing"]) == ["lpips"]
    assert {mean["codec"] for mean in summary["mean_deltas"]} == {"x264"}
    assert all(
        curve["does_not_rise"] == [] for curve in summary["mean_curves"] if curve["column"] == "psnr_y"
    )


def test_plots_are_there_in_both_formats(report: Report) -> None:
    for name in ("psnr_y", "psnr_rgb", "speed"):
        assert (report.folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"</svg>" in (report.folder / f"{name}.svg").read_bytes()
    assert not (report.folder / "raw-rate.png").exists()  # neither codec has tokens


def test_the_page_needs_nothing_but_itself(report: Report) -> None:
    page = report.page.read_text("utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)[^"]+"', page) == []
    assert "http" not in re.sub(r"data:[^\"]*", "", page).replace("-//W3C", "")
    stills = json.loads(
        re.search(r'<script id="stills" type="application/json">(.*?)</script>', page, re.S)[1]
    )
    assert {(still["clip"], still["codec"]) for still in stills} >= {("a", "source"), ("b", "source")}
    assert any(still["codec"] == "x264" for still in stills)
    assert "lpips" in page
    assert "BD-rate against x265" in page


def test_the_same_run_gives_the_same_report(report: Report, finished_run: Path, tmp_path: Path) -> None:
    again = write_report(open_run(finished_run), tmp_path, frame_rates_bpp=())
    for name in ("points.csv", "bd.csv", "summary.json", "psnr_y.svg"):
        assert (tmp_path / name).read_bytes() == (report.folder / name).read_bytes()
    assert again.means == report.means


def test_anchors_that_are_not_there(finished_run: Path, tmp_path: Path) -> None:
    run = open_run(finished_run)
    with pytest.raises(OptionError, match="expected one that was measured: x264, x265"):
        write_report(run, tmp_path, anchor="vvc")
    shutil.copy(finished_run / "run.json", tmp_path / "run.json")
    with pytest.raises(OptionError, match="holds no point yet"):
        write_report(open_run(tmp_path), tmp_path / "report")


def test_a_codec_compared_with_itself_and_with_half_its_bytes(finished_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished_run, other)
    for path in other.glob("points/*/x264/*.json"):
        facts = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**facts, "bpp": facts["bpp"] / 2}), "utf-8")
    same = compare_runs(open_run(finished_run), open_run(finished_run), "x264")
    assert all(delta.rate_percent == pytest.approx(0, abs=1e-9) for delta in same.deltas)
    half = compare_runs(open_run(finished_run), open_run(other), "x264")
    assert all(delta.rate_percent == pytest.approx(-50) for delta in half.deltas)
    text = comparison_markdown(half)
    assert "-50.0% (1.00)" in text
    assert "| q22 | 2 | " in text


def test_runs_that_cannot_be_compared(finished_run: Path, tmp_path: Path) -> None:
    run = open_run(finished_run)
    with pytest.raises(OptionError, match="holds no point of 'vvc'"):
        compare_runs(run, run, "vvc")
    other = tmp_path / "other"
    shutil.copytree(finished_run, other)
    for path in other.glob("clips/*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "sha256": "0"}), "utf-8")
    with pytest.raises(OptionError, match="no clip of the same frames"):
        compare_runs(run, open_run(other), "x264")
