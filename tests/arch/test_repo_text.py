"""What no file of the repository may say: paths of one machine, hosts of package registries."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.arch.tree import ROOT

MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:work|root|home|Users)/\w")
"""An absolute path below a folder that only one machine has; `build/work/x` and `$HOME/x` are none."""

# in pieces, so that this file passes its own test
HOSTS = (
    "pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "npmjs" + ".com", "deb.debian" + ".org",
    "archive.ubuntu" + ".com", "crates" + ".io", "proxy.golang" + ".org", "anaconda" + ".org", "--index" + "-url",
)  # fmt: skip


@cache
def texts() -> dict[str, str]:
    """Return every text file that git tracks or would track, by path."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    found: dict[str, str] = {}
    for name in filter(None, listed):
        path = Path(ROOT, name)
        data = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in data[:8192]:
            found[name] = data.decode("utf-8", errors="replace")
    return found


def findings(name: str, text: str) -> list[str]:
    """Return the lines of one file that say what they must not."""
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line) or any(host in line for host in HOSTS)
    ]


def test_no_file_names_a_path_of_one_machine_or_a_registry_host() -> None:
    found = [finding for name, text in texts().items() for finding in findings(name, text)]
    assert not found, "\n".join(found)


def test_no_conflict_marker_is_left() -> None:
    marker = re.compile(r"^(<{7}|>{7}|\|{7}) ", re.MULTILINE)
    assert not [name for name, text in texts().items() if marker.search(text)]


@pytest.mark.parametrize("line", ["cd /" + "work/x", 'open("/' + 'root/a")', "pip install -i https://" + HOSTS[0]])
def test_the_rule_itself_sees_each_kind(line: str) -> None:
    assert findings("a", line)


@pytest.mark.parametrize(
    "line", ["out = build/work/x", "#!/usr/bin/env bash", "$HOME/work/x", "../root/x", "/workspace"]
)
def test_the_rule_itself_lets_other_paths_pass(line: str) -> None:
    assert not findings("a", line)
