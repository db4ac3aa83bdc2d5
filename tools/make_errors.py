"""Writes `docs/errors/README.md`: every page about an error, and every text that one of them explains.

python tools/make_errors.py
"""

from __future__ import annotations

import re
from pathlib import Path

from enigma.cli.errors import summary
from enigma.mistakes import groups, pages

TARGET = Path(__file__).parents[1] / "docs" / "errors"
NOTE = "<!-- written by tools/make_errors.py: edit src/enigma/mistakes.txt and the pages, not this one -->\n"

HEAD = """# Errors

What a kernel, a launch or a tool may be refused for: a page for each kind of mistake, with a wrong kernel, what is said about it,
and the right one. What a run does wrong is a [finding](../findings/README.md).

A traceback ends in the name of its page, and `error.page` is that name. `enigma errors NAME` prints the page in a terminal;
`enigma errors "exp takes f32, but x is i32"` finds it by the message.
"""


def index() -> str:
    """Return the text of the index."""
    parts = [HEAD.replace("# Errors\n", f"# Errors\n\n{NOTE}", 1)]
    for heading, names in groups().items():
        rows = [f"| [{name}]({name}.md) | {summary(TARGET / (name + '.md'))} |" for name in names]
        parts.append("\n".join([f"## {heading}\n", "| page | what it is about |", "| --- | --- |", *rows, ""]))
    texts = sorted((re.sub(r"^\W+", "", text).lower(), text, page) for page, found in pages().items() for text in found)
    rows = [f"| {_code(text)} | [{page}]({page}.md) |" for _, text, page in texts]
    parts.append(
        "\n".join(
            [
                "## By message\n",
                "`…` stands for what is named there.\n",
                "| message | page |",
                "| --- | --- |",
                *rows,
                "",
            ]
        )
    )
    return "\n".join(parts)


def _code(text: str) -> str:
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    (TARGET / "README.md").write_text(index(), encoding="utf-8")
