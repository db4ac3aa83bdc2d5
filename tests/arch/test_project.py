"""The project's own papers agree with each other: README, pyproject.toml, docs, CI."""

from __future__ import annotations

import re
import tomllib

from tests.arch.test_layers import LAYERS
from tests.arch.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
DESIGN = ROOT / "docs" / "design"


def test_every_runtime_dependency_has_its_reason() -> None:
    names = {re.match(r"[\w-]+", item)[0] for item in PROJECT["project"]["dependencies"]}  # type: ignore[index]
    text = (DESIGN / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))
    assert explained == names


def test_each_readme_command_is_one_line_that_ci_can_find() -> None:
    blocks = dict(re.findall(r"^<!-- ci: (\w+) -->\n```\w*\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL))
    assert set(blocks) == {"demo", "test"}
    for command in blocks.values():
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && ")


def test_the_architecture_note_shows_the_layers_that_are_enforced() -> None:
    text = (DESIGN / "architecture.md").read_text(encoding="utf-8")
    shown = re.search(r"^    (errors .*__init__)$", text, re.MULTILINE)
    assert shown is not None
    for drawn, enforced in zip(shown[1].split(" < "), LAYERS, strict=True):
        assert set(drawn.split()) <= enforced


def test_every_design_note_is_listed() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (DESIGN / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in DESIGN.glob("*.md")} - {"README.md"}


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"`[^`\n]*`", "", prose)  # code may look like a link: kernel[grid, threads](...)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_apple_s_compiler_reads_what_clang_reads() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    step = re.search(r"run: python -m pytest (.*)\n +env:\n +ENIGMA_TEST_XCRUN", workflow)
    assert step is not None
    given = [ROOT / path for path in step[1].split()]
    for path in (ROOT / "tests").rglob("*.py"):
        if re.search(r"^ +assert_legal\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert any(path == one or one in path.parents for one in given), f"{path} is missing in the step with xcrun"


def test_the_python_versions_are_the_same_everywhere() -> None:
    classified = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", c)]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    matrix = re.search(r"python: \[(.*)\]", workflow)
    assert matrix is not None
    assert re.findall(r"3\.\d+", matrix[1]) == classified
