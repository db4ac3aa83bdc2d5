"""A real browser for the pages that enigma writes: the system's Chromium through Playwright; tests skip where it is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    path = os.environ.get("ENIGMA_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as driver:
        if path is None and os.path.exists(driver.chromium.executable_path):
            path = driver.chromium.executable_path  # what `playwright install` downloads
        if path is None:
            pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()
