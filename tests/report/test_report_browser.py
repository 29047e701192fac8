"""The page in a real browser without a network: nothing fails, nothing is asked for, all is drawn."""

from __future__ import annotations

import shutil

import pytest
from fake_run import Built

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def test_the_page_draws_itself_offline(simulated_run: Built, bare_run: Built, table_run: Built) -> None:
    browser_path = shutil.which("chromium")
    if browser_path is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
        for built, figures in ((simulated_run, 20), (bare_run, 10), (table_run, 8)):
            page = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
            problems: list[str] = []
            requests: list[str] = []
            page.on("console", lambda message, seen=problems: seen.append(message.text))
            page.on("pageerror", lambda error, seen=problems: seen.append(str(error)))
            page.on("request", lambda request, seen=requests: seen.append(request.url))
            page.goto(built.page.as_uri())
            # The page's own policy forbids to evaluate text, so the driver can't wait for a condition.
            page.locator(".js-plotly-plot").nth(figures - 1).wait_for()
            drawn = page.evaluate(
                """Array.from(document.querySelectorAll('.plot')).map(node => ({
                    id: node.id,
                    marks: node.querySelectorAll(
                        'svg.main-svg .trace path, svg.main-svg .trace .point, svg.main-svg .scatter .js-line'
                    ).length,
                    wide: node.querySelector('svg.main-svg').clientWidth <= node.clientWidth + 1,
                }))"""
            )
            assert len(drawn) == figures
            assert [figure["id"] for figure in drawn if figure["marks"] == 0] == []
            assert all(figure["wide"] for figure in drawn)
            assert problems == []
            assert requests == [built.page.as_uri()]
            # The page itself never scrolls sideways; wide tables do inside their box.
            narrow = browser.new_context(offline=True, viewport={"width": 400, "height": 900}).new_page()
            narrow.goto(built.page.as_uri())
            for shown in (page, narrow):
                assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
