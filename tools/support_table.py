"""Writes docs/reference/support.md: every operation, the dtypes it takes, and on which targets it runs.

python tools/support_table.py           write the page
python tools/support_table.py --check   exit with 1 if it is not current
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "support.md"
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))

from enigma.debug.support import Support, support  # noqa: E402 - found after the line above

_HEAD = "| write | meaning | dtypes | Metal | CPU | CUDA | tolerance |\n|---|---|---|---|---|---|---|"
_INTRO = """\
# What runs where

Made from the table of operations by `tools/support_table.py`; do not edit. Every operation runs on the simulator and on the
CPU. Narrow integers widen to 32 bits in Python's operators, as in C. "Tolerance" is how far the CPU may be from the
correctly rounded result, in units of the last place of f32; an empty cell means exact, up to a fused multiply-add.
"""


def _row(row: Support) -> str:
    cells = [
        f"`{row.write}`" if row.write else f"({row.name})", row.meaning, row.dtypes, row.metal, row.cpu, row.cuda,
        f"{row.tolerance:g}" if row.tolerance else "",
    ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def support_table() -> str:
    """Return the whole page as Markdown."""
    families: dict[str, list[Support]] = {}
    for row in support():
        families.setdefault(row.family, []).append(row)
    parts = [_INTRO]
    for family, rows in families.items():
        parts.append(f"\n## {family.capitalize()}\n\n{_HEAD}\n")
        parts.append("\n".join(map(_row, rows)) + "\n")
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is current."""
    text = support_table()
    if "--check" in arguments:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print("docs/reference/support.md is current" if current else "run: python tools/support_table.py")
        return 0 if current else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
