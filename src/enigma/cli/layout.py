"""`enigma layout`: draws a layout that is written as it prints, `(4,64):(64,1)`."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import click

from enigma.cli.options import json_option
from enigma.layout import ComposedLayout, Layout, Swizzle, cosize, make_composed_layout, size
from enigma.layout.drawing import draw, show

MOST = 65536
"""Elements up to which JSON lists the offsets."""

_SWIZZLE = re.compile(r"\s*S(?:w)?<\s*(\d+)\s*,\s*(\d+)\s*,\s*(-?\d+)\s*>\s*o\s*(?:(\d+)\s*o\s*)?(.*)$")


@click.command()
@click.argument("layout", metavar="SHAPE[:STRIDE]")
@click.option("--tile", metavar="ROWS,COLUMNS", help="The layout is one of threads and values of a tile of this size.")
@click.option("--banks", is_flag=True, help="Show memory banks in place of offsets.")
@click.option(
    "--width", type=click.IntRange(1, 16), default=4, show_default=True, help="Bytes of an element, for --banks."
)
@click.option("--all", "everything", is_flag=True, help="Leave no rows or columns out.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a picture: FILE.svg or FILE.html.")
@json_option
def command(
    layout: str, *, tile: str | None, banks: bool, width: int, everything: bool, output: Path | None, as_json: bool
) -> None:
    """Draw a layout: mode 0 down, the others across.

    \b
    Examples:
      enigma layout "(4,64):(64,1)"
      enigma layout "(8,8):(8,1)" --banks
      enigma layout "((4,2),(2,2)):((1,16),(4,8))"
      enigma layout "S<3,3,3> o (8,64):(64,1)" -o swizzled.svg
      enigma layout "(32,4):(4,1)" --tile 8,16
    """
    found = parse(layout)
    box = _tile(tile)
    if output is not None:
        draw(found, output, tile=box, banks=banks, width=width)
        click.echo(f"written to {output}", err=True)
    if as_json:
        click.echo(json.dumps(_facts(found), indent=2))
    elif output is None:
        show(found, tile=box, banks=banks, width=width, limit=None if everything else (32, 32))


def parse(text: str) -> Any:
    """Return the layout that a text describes; strides left out are column-major. Raises `click.BadParameter`."""
    match = _SWIZZLE.match(text)
    if match is not None:
        swizzle = Swizzle(int(match[1]), int(match[2]), int(match[3]))
        return make_composed_layout(swizzle, int(match[4] or 0), parse(match[5]))
    shape, colon, stride = text.partition(":")
    try:
        return Layout(ast.literal_eval(shape.strip()), ast.literal_eval(stride.strip()) if colon else None)
    except (ValueError, SyntaxError, TypeError) as error:
        message = str(error) if hasattr(error, "help") else "write it as (4,64):(64,1), or S<3,3,3> o (8,64):(64,1)"
        raise click.BadParameter(f"{text!r} is no layout: {message}", param_hint="LAYOUT") from error


def _tile(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.replace("x", ",").split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise click.BadParameter(f"{text!r} is no tile: write 8,16", param_hint="--tile")
    return tuple(int(part) for part in parts)


def _facts(layout: Any) -> dict[str, Any]:
    inner = layout.inner if isinstance(layout, ComposedLayout) else layout
    count = size(inner)
    offsets = [layout(k) for k in range(count)] if count <= MOST else None
    return {
        "layout": str(layout), "shape": inner.shape, "stride": inner.stride, "size": count,
        "cosize": 1 + max(offsets) if offsets is not None else cosize(inner), "offsets": offsets,
    }  # fmt: skip
