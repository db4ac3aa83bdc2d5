"""`enigma diff` of versions: a kernel at a git revision, with what it imported then, and what git does not have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enigma.cli import main
from enigma.cli.revision import parse

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

KERNEL = """
import enigma as en
from helper import twice
from package.parts import offset

@en.kernel
def scale(x: en.f32):
    i = en.thread_position_in_grid
    x[i] = twice(x[i]) + offset
"""


def git(*arguments: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits, and a working tree that is not committed; each has its own helper beside the kernel, and a package."""
    top = tmp_path_factory.mktemp("repository")
    here = Path.cwd()
    os.chdir(top)
    try:
        git("init", "-q", "-b", "main")
        write("kernels/k.py", KERNEL)
        write("kernels/gone.py", KERNEL)
        write("kernels/helper.py", "def twice(x):\n    return x * 2\n")
        write("kernels/data.txt", "first")
        write("package/parts.py", "offset = 1\n")
        Path("kernels/outside.py").symlink_to("/etc/hostname")
        git("add", "-A")
        git("commit", "-q", "-m", "one")
        git("tag", "v1")
        write("kernels/helper.py", "def twice(x):\n    return x * 3\n")
        write("package/parts.py", "offset = 10\n")
        write("kernels/broken.py", "def f(:\n")
        write("kernels/bad.py", KERNEL.replace("twice(x[i])", "en.exp(i)"))
        write("kernels/raises.py", "1 / 0\n")
        git("rm", "-q", "kernels/gone.py")
        git("add", "-A")
        git("commit", "-q", "-m", "two")
        write("kernels/helper.py", "def twice(x):\n    return x * 4\n")
        write("package/parts.py", "offset = 100\n")
        write("kernels/broken.py", KERNEL)
    finally:
        os.chdir(here)
    return top


@pytest.fixture(autouse=True)
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.setattr(sys, "path", [str(repository), *sys.path])  # as `python -m` has it


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ("diff", *arguments), prog_name="enigma")


def changes(*arguments: str) -> list[str]:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    return [line for line in result.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("---", "+++")]


FIRST, SECOND, NOW = (f"    x[i] = x[i] * {a}.0f + {b}.0f;" for a, b in ((2, 1), (3, 10), (4, 100)))


@pytest.mark.parametrize(
    ("left", "right", "before", "after"),
    [
        ("kernels/k.py:scale@HEAD~1", "kernels/k.py:scale", FIRST, NOW),
        ("kernels/k.py:scale", "kernels/k.py:scale@HEAD", NOW, SECOND),
        ("kernels/k.py@v1", "kernels/k.py@main", FIRST, SECOND),
        ("kernels/k.py:scale@main@{0}", "kernels/k.py@:/one", SECOND, FIRST),
        ("kernels/gone.py:scale@v1", "kernels/k.py", FIRST, NOW),
    ],
)
def test_each_side_is_made_of_what_its_revision_has(left: str, right: str, before: str, after: str) -> None:
    """The helper beside the kernel, and the package on the path, are those of the revision and not the other side's."""
    assert changes(left, right) == [f"-{before}", f"+{after}"]


def test_a_revision_leaves_nothing_behind(repository: Path) -> None:
    status = ["git", "status", "--porcelain"]
    before = subprocess.run(status, capture_output=True, check=True).stdout
    paths, modules = list(sys.path), set(sys.modules)
    changes("kernels/k.py@v1", "kernels/k.py")
    assert sys.path == paths
    assert not {"helper", "package", "package.parts"} & (set(sys.modules) - modules)
    assert subprocess.run(status, capture_output=True, check=True).stdout == before
    assert not list(repository.rglob("__pycache__/k.*.pyc.*"))


def test_one_version_is_no_difference_and_stages_html_and_json_are_as_for_files(tmp_path: Path) -> None:
    assert run("kernels/k.py@v1", "kernels/k.py@HEAD~1").output == ""
    assert "2.0" in "".join(changes("kernels/k.py@v1", "kernels/k.py", "--stage", "mlir"))
    result = run("kernels/k.py@v1", "kernels/k.py", "--json", "--html", str(tmp_path / "d.html"))
    found = json.loads(result.stdout)
    assert (found["left"], found["right"], found["same"]) == ("kernels/k.py@v1", "kernels/k.py", False)
    assert "kernels/k.py@v1" in (tmp_path / "d.html").read_text()


def test_a_text_at_a_revision_is_read(tmp_path: Path) -> None:
    (tmp_path / "now.txt").write_text("second")
    assert changes("kernels/data.txt@HEAD", str(tmp_path / "now.txt")) == ["-first", "+second"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kernels/k.py@nothing", "has no revision 'nothing'"),
        ("kernels/k.py@--help", "has no revision '--help'"),
        ("kernels/k.py@HEAD:kernels", "has no revision 'HEAD:kernels'"),
        ("kernels/gone.py@HEAD", "kernels/gone.py: there is no such file at HEAD"),
        ("absent/k.py@HEAD", "absent/k.py: there is no such file at HEAD"),
        ("kernels/k.py:zzz@v1", "v1:kernels/k.py has no kernel zzz; name one: scale"),
        ("kernels/broken.py@HEAD", "HEAD:kernels/broken.py:1: invalid syntax"),
        ("kernels/raises.py@HEAD", "HEAD:kernels/raises.py:1: ZeroDivisionError: division by zero"),
        ("kernels/bad.py@HEAD", "HEAD:bad.py:9:12: error: exp takes"),
        ("kernels/outside.py@v1", "v1:kernels/outside.py: there is no such file"),
    ],
)
def test_what_a_revision_does_not_have_is_one_message(name: str, message: str) -> None:
    result = run(name, "kernels/k.py")
    assert message in result.stderr
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout) == (1, "")


def test_outside_of_a_repository_and_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k.py").write_text(KERNEL)
    result = run(f"{tmp_path}/k.py@HEAD", "kernels/k.py")
    assert f"{tmp_path}/k.py: git says: fatal: not a git repository" in result.stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("kernels/k.py@HEAD", "kernels/k.py")
    assert (
        result.stderr
        == "Error: kernels/k.py: a revision needs git, and it is not installed (there is no git on the PATH)\n"
    )


def test_a_file_with_an_at_sign_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "k.py@v2").mkdir()
    assert parse(f"{tmp_path}/k.py@v2") is None
    assert parse("k.py:scale") is None
    found = parse("a@b/k.py:scale@HEAD@{1}")
    assert found is not None
    assert (str(found.file), found.kernel, found.revision) == ("a@b/k.py", ":scale", "HEAD@{1}")


def test_two_files_that_import_a_helper_of_one_name_have_each_their_own(tmp_path: Path) -> None:
    for name, factor in (("old", 5), ("new", 6)):
        write(f"{tmp_path}/{name}/k.py", KERNEL)
        write(f"{tmp_path}/{name}/helper.py", f"def twice(x):\n    return x * {factor}\n")
    assert [line[:23] for line in changes(f"{tmp_path}/old/k.py", f"{tmp_path}/new/k.py")] == [
        "-    x[i] = x[i] * 5.0f", "+    x[i] = x[i] * 6.0f",
    ]  # fmt: skip
