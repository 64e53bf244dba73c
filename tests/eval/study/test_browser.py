"""A real Chromium takes a whole session: both videos play in step, without controls, and every answer arrives."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mgv.eval.study.create import create_study
from mgv.eval.study.settings import Playback, Questions, Selection, Settings
from mgv.eval.study.simulation.http_raters import ServerProcess
from mgv.eval.study.simulation.synthetic_run import SyntheticRun
from mgv.eval.study.store import open_study
from mgv.eval.study.votes import read_raters, read_votes

CHROMIUM = os.environ.get("MGV_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on PATH or named by MGV_CHROMIUM"),
]
sync_api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

ANSWER = "#choose-left:enabled, #continue:visible, #done:visible"
PLAYING = """() => player.videos.map(video => ({
    paused: video.paused && !video.ended, controls: video.controls, loop: player.facts.plays,
    local: video.src.startsWith("blob:"), width: video.clientWidth, height: video.clientHeight,
    buffered: video.buffered.length === 1 && video.buffered.end(0) >= video.duration - 0.1,
}))"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.db"
    questions = Questions(
        per_rater=6,
        training=2,
        golden_every=3,
        repeat_every=3,
        repeat_gap=1,
        allow_ties=True,
        allow_reference=True,
    )
    settings = replace(Settings(), selection=Selection(rates_bpp=(0.01, 0.02)), questions=questions)
    run = SyntheticRun(num_clips=2, codecs=("a", "b"), rates_bpp=(0.01, 0.02), size=(320, 180), num_frames=40)
    create_study(run, path, settings)
    return path


@pytest.fixture
def server(study: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(str(study))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def open_page(context, server: ServerProcess):  # type: ignore[no-untyped-def]
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda line: page.errors.append(line.text) if line.type == "error" else None)
    page.goto(server.url)
    return page


def test_a_whole_session(browser, server: ServerProcess, study: Path) -> None:  # type: ignore[no-untyped-def]
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = open_page(context, server)
    page.wait_for_selector("#begin:enabled").click()
    answers = 0
    while not page.is_visible("#done"):
        page.wait_for_selector(ANSWER, timeout=60_000)
        if page.is_visible("#continue"):
            page.click("#continue")
            continue
        if page.is_visible("#done"):
            break
        page.wait_for_function("() => player.facts.plays >= 2")  # it loops
        videos = page.evaluate(PLAYING)[:2]
        assert all(video["local"] and video["buffered"] and not video["controls"] for video in videos)
        assert {(video["width"], video["height"]) for video in videos} == {(320, 180)}
        page.keyboard.press(" ")  # would pause a video that has focus
        page.mouse.click(400, 300)
        page.click("#left", button="right", force=True)
        page.wait_for_function("() => player.videos.some(video => !video.paused)")
        facts = page.evaluate("() => player.report()")
        assert facts["frames_compared"] > 30
        assert facts["desync_ms"] < 50
        if answers == 3:  # the tab is closed and opened again
            where = page.inner_text("#where")
            page.close()
            page = open_page(context, server)
            page.wait_for_selector("#choose-left:enabled", timeout=60_000)
            assert page.inner_text("#where") == where
        if answers == 4:  # the server goes away and comes back
            server.kill()
            server.start()
        page.keyboard.press(("ArrowLeft", "ArrowRight", "ArrowDown")[answers % 3])
        page.wait_for_function(
            "() => document.querySelector('#choose-left').disabled || !document.querySelector('#done').hidden"
        )
        answers += 1
    assert answers == 8
    assert [error for error in page.errors if "ERR_CONNECTION" not in error] == []
    store = open_study(study)
    with store.reading() as connection:
        votes, raters = read_votes(connection), read_raters(connection)
    store.close()
    assert [vote.position for vote in votes] == list(range(8))
    assert [vote.side for vote in votes] == ["left", "right", "none"] * 2 + ["left", "right"]
    assert max(vote.facts["desync_ms"] for vote in votes) < 50
    assert raters[0].screen["width_device_pixels"] == 1280
    assert raters[0].screen["refresh_hz"] > 10
    context.close()


def test_the_original_is_shown_while_r_is_held(browser, server: ServerProcess) -> None:  # type: ignore[no-untyped-def]
    page = open_page(browser.new_context(viewport={"width": 1280, "height": 720}), server)
    page.wait_for_selector("#begin:enabled").click()
    for _ in range(2):  # practice has none
        page.wait_for_selector("#choose-left:enabled", timeout=60_000)
        page.keyboard.press("ArrowLeft")
        page.click("#continue")
    page.wait_for_selector("#choose-left:enabled", timeout=60_000)
    hidden = "id => getComputedStyle(document.getElementById(id)).visibility"
    assert [page.evaluate(hidden, name) for name in ("left", "reference")] == ["visible", "hidden"]
    page.keyboard.down("r")
    assert [page.evaluate(hidden, name) for name in ("left", "reference")] == ["hidden", "visible"]
    page.keyboard.up("r")
    assert [page.evaluate(hidden, name) for name in ("left", "reference")] == ["visible", "hidden"]
    assert page.evaluate("() => player.facts.reference_seconds >= 0")


def test_a_window_that_is_too_narrow_is_told(browser, server: ServerProcess) -> None:  # type: ignore[no-untyped-def]
    page = open_page(browser.new_context(viewport={"width": 500, "height": 600}), server)
    page.wait_for_selector("#screen-words:visible")
    assert "500 pixels wide; the two videos need 640" in page.inner_text("#screen-words")
    assert page.is_disabled("#begin")
    page.set_viewport_size({"width": 700, "height": 600})
    page.wait_for_selector("#begin:enabled")


def test_lossless_stimuli_play(browser, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "study.db"
    settings = Settings(selection=Selection(rates_bpp=(0.01,)), playback=Playback(rendering="lossless"))
    run = SyntheticRun(num_clips=1, codecs=("a", "b"), rates_bpp=(0.01,), size=(160, 96), num_frames=20)
    create_study(run, path, settings)
    server = ServerProcess(str(path))
    server.start()
    try:
        page = open_page(browser.new_context(), server)
        page.wait_for_selector("#begin:enabled").click()
        page.wait_for_selector("#choose-left:enabled", timeout=60_000)
        assert page.evaluate("() => player.videos[0].getVideoPlaybackQuality().totalVideoFrames") >= 15
    finally:
        server.kill()
