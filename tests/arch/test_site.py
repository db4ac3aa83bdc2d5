"""The documentation site builds without a warning, holds every page, and loads nothing from a network."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arch.tree import ROOT

CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
# what a browser fetches by itself, and not what a reader may click
FETCHED = re.compile(
    r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?(https?:)?//|"
    r"<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=[\"']?(https?:)?//"
)


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", CONFIG, re.MULTILINE)
    pages = sorted(str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md"))
    assert sorted(listed) == pages, "a new page needs a line in the navigation of mkdocs.yml"


@pytest.mark.skipif(
    importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocs") is None,
    reason="the site needs mkdocs-material: pip install '.[docs]'",
)
def test_the_site_builds_strictly_and_needs_no_network(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", ROOT / "mkdocs.yml", "--site-dir", tmp_path],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {str(page.relative_to(tmp_path)) for page in tmp_path.glob("**/*.html")}
    for source in ROOT.glob("docs/**/*.md"):
        page = source.relative_to(ROOT / "docs")
        assert str(page.with_name("index.html" if page.name == "README.md" else f"{page.stem}.html")) in pages
    for page in pages:
        assert FETCHED.search((tmp_path / page).read_text(encoding="utf-8")) is None, page
