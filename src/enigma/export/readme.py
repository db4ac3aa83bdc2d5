"""What the README of an export says, whatever the target: the parameters, the launch, and how the reference is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enigma._version import __version__
from enigma.export.bundle import Access, Bundle, Parameter
from enigma.export.vectors import FOLDER, expected_file, input_file, number
from enigma.trace.args import Kind

VERBS = {Access.READ: "read", Access.WRITE: "written", Access.READ_WRITE: "read and written"}
"""What a person says that a kernel does with an array."""


def readme(bundle: Bundle, title: str, paragraphs: Sequence[str], folder: str = FOLDER) -> str:
    """Return the README of an export: `paragraphs` say what the files are and how they are built and run."""
    parts = [
        f"# {title}",
        f"The Metal kernel `{bundle.name}`, exported by enigma {__version__} from `{bundle.source}`. Nothing here needs enigma.",
        *paragraphs,
        "## The kernel",
        _parameters(bundle),
        *_constants(bundle),
        _needs(bundle),
        "## The reference launch",
        _launch(bundle, folder),
    ]
    return "\n\n".join(parts) + "\n"


def compile_flags(bundle: Bundle) -> str:
    """Return how `xcrun metal` is to compile the text."""
    major, minor = bundle.language
    math = "-ffast-math" if bundle.is_fast else "-fno-fast-math"
    return f"-std=metal{major}.{minor} {math}" + (" -fmetal-enable-logging" if bundle.logs else "")


def sizes(size: tuple[int, int, int]) -> str:
    """Return a size without the axes at its end that are 1.

    >>> sizes((64, 1, 1)), sizes((64, 32, 1)), sizes((1, 1, 1))
    ('64', '64 x 32', '1')
    """
    kept = list(size)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return " x ".join(map(str, kept))


def type_text(parameter: Parameter) -> str:
    """Return Metal's type of what a parameter holds."""
    if parameter.texture is not None:
        return str(parameter.texture)
    return parameter.metal_name


def shown(value: Any) -> str:
    """Return a number as a person writes it in any language: `true`, `2.5`, `-inf`."""
    plain = number(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _parameters(bundle: Bundle) -> str:
    rows = ["| parameter | index | what it is |", "| --- | --- | --- |"]
    for each in bundle.parameters:
        slot = "texture" if each.kind is Kind.TEXTURE else "buffer"
        rows.append(f"| `{each.name}` | {slot} {each.index} | {_what(each)} |")
    return "\n".join(rows)


def _what(parameter: Parameter) -> str:
    kind = type_text(parameter)
    match parameter.kind:
        case Kind.TEXTURE:
            return f"`{kind}`, {VERBS[parameter.access]}"
        case Kind.SCALAR:
            return f"`{kind}`, by value"
        case Kind.STRUCT:
            struct = parameter.struct
            fields = "" if struct is None else ", ".join(f"`{m.dtype.metal_name} {m.name}`" for m in struct.members)
            size = 0 if struct is None else struct.size
            return f"struct `{kind}` of {size} bytes, by value: {fields}"
        case _:
            space = "constant memory of" if parameter.is_constant_memory else "array of"
            packed = f", {parameter.dtype.size} bytes each" if parameter.dtype.parts > 1 else ""
            return f"{space} `{kind}`{packed}, {VERBS[parameter.access]}"


def _constants(bundle: Bundle) -> list[str]:
    if not bundle.constants:
        return []
    rows = ["| function constant | index | type | default | in the reference |", "| --- | --- | --- | --- | --- |"]
    for each in bundle.constants:
        constant = each.constant
        default = "none" if constant.default is None else shown(constant.default)
        rows.append(
            f"| `{constant.name}` | {constant.index} | `{constant.dtype.metal_name}` | {default} | {shown(each.value)} |"
        )
    return ["\n".join(rows)]


def _needs(bundle: Bundle) -> str:
    major, minor = bundle.language
    said = [
        f"It is written for Metal {major}.{minor} with {'fast' if bundle.is_fast else 'safe'} math: `{compile_flags(bundle)}`."
    ]
    if not bundle.is_fast:
        said.append("Metal's own default is fast math, with which results may differ and NaN means nothing.")
    if bundle.family:
        said.append(f"It needs a GPU of Apple's family {bundle.family} or later.")
    if bundle.program.threadgroup_bytes:
        said.append(f"A threadgroup uses {bundle.program.threadgroup_bytes} bytes of threadgroup memory.")
    if bundle.thread_multiple > 1:
        said.append(f"Every threadgroup, partial ones too, must have a multiple of {bundle.thread_multiple} threads.")
    if bundle.logs:
        said.append("It writes to Metal's log, which must be enabled (macOS 15).")
    return " ".join(said)


def _launch(bundle: Bundle, folder: str) -> str:
    grid, threads = bundle.geometry.grid, bundle.geometry.threads
    by = "enigma's checking simulator" if bundle.device == "sim" else "enigma on the CPU"
    lines = [
        f"A grid of {sizes(grid)} threads in threadgroups of {sizes(threads)} (`dispatchThreads`: partial threadgroups at the end "
        f"are part of it). The numbers were computed by {by}; files hold an array each, little-endian, without a header.",
        "",
    ]
    for each in bundle.parameters:
        lines.append(f"- `{each.name}`: {_passed(each, folder)}")
    return "\n".join(lines)


def _passed(parameter: Parameter, folder: str) -> str:
    if parameter.kind is Kind.SCALAR:
        return f"`{shown(parameter.given)}`"
    if parameter.struct is not None:
        values = zip(parameter.struct.members, parameter.given, strict=True)
        return ", ".join(f"`{member.name} = {shown(value)}`" for member, value in values)
    shape = " x ".join(map(str, parameter.given.shape))
    text = f"{shape} of {parameter.given.dtype.name}, `{folder}/{input_file(parameter)}`"
    if parameter.expected is None:
        return text
    relative, absolute = parameter.tolerance
    close = f"within {absolute:g} + {relative:g} |x|" if relative or absolute else "exactly"
    return f"{text}; afterwards {close} `{folder}/{expected_file(parameter)}`"
