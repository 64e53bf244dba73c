"""The report's page in a real browser: it runs without errors, its slider and its choices work."""

import shutil
from pathlib import Path

import pytest

from mgv.eval.rd import open_run
from mgv.eval.rd.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on PATH")
def test_frames_side_by_side(finished_run: Path, tmp_path: Path) -> None:
    browsers = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    report = write_report(open_run(finished_run), tmp_path, frame_rates_bpp=(0.5, 1.5))
    errors: list[str] = []
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request", lambda request: errors.append(request.url) if request.url.startswith("http") else None
        )
        page.goto(report.page.as_uri())
        assert page.locator(".plots img").count() >= 6
        page.select_option("#clip", "a")
        page.select_option("#right", "source")
        assert page.inner_text("#right-caption") == "source"
        assert page.evaluate("document.getElementById('under').naturalWidth") == 96
        page.fill("#wipe", "30")
        assert "30%" in page.evaluate("document.getElementById('over').style.clipPath")
        box = page.locator("#viewer").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
        assert float(page.input_value("#wipe")) == pytest.approx(75, abs=2)
        browser.close()
    assert errors == []
