"""`--to torch`: a Python file that runs the kernel on PyTorch's MPS tensors, with the reference launch as its self-check."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from enigma._version import __version__
from enigma.dtypes import Numeric
from enigma.errors import EnigmaTypeError
from enigma.export.bundle import Bundle, Files, Parameter
from enigma.export.host import structs
from enigma.export.readme import VERBS, readme
from enigma.export.reflection import reflection_text
from enigma.export.targets import python
from enigma.export.targets import torch_texts as texts
from enigma.export.vectors import expected_file, input_file, number, vector_files
from enigma.interop.mps import cast_of
from enigma.runtime import constants
from enigma.runtime.program import Program
from enigma.trace.args import Kind
from enigma.trace.node import Struct

_CONSTANT_START, _START = 256, 4
_LINE = 80
_CODES = {
    "f32": "f", "f16": "e", "bf16": "H", "i8": "b", "u8": "B", "b1": "?", "i16": "h", "u16": "H", "i32": "i", "u32": "I",
    "i64": "q", "u64": "Q",
}  # fmt: skip
"""The letters of Python's `struct`."""

_TAKEN = frozenset((
    "torch", "functools", "itertools", "math", "pathlib", "struct", "sys", "NamedTuple", "Sequence", "annotations", "SOURCE",
    "ENTRY", "DEVICE", "check", "float", *keyword.kwlist,
))  # fmt: skip
"""Names that mean something else in the bodies of functions; those of the file itself must leave builtins alone, too."""


def files(bundle: Bundle) -> Files:
    """Return the Python file, the reflection, the arrays of the reference launch and a README.

    Raises `EnigmaTypeError` for a kernel with textures, with a log, or whose text is not ASCII: PyTorch runs none of these.
    """
    bundle.refuse_reports("torch")
    module = f"{bundle.name}_torch"
    said = (
        f"- `{module}.py`: the kernel and the function `{_Names(bundle).function}` that runs it on PyTorch's MPS tensors\n"
        f"- `{bundle.name}.json`: its parameters, sizes and constants, and the reference launch, for programs\n"
        "- `vectors/`: arrays of the reference launch",
        "It needs PyTorch 2.7 or later, and nothing else; import the file, or copy it into a program. To run the reference launch "
        "on a Mac and compare:",
        f"    python {module}.py",
    )
    return {
        f"{module}.py": text(bundle),
        f"{bundle.name}.json": reflection_text(bundle),
        "README.md": readme(bundle, bundle.name, said),
        **vector_files(bundle),
    }


def text(bundle: Bundle) -> str:
    """Return the Python file."""
    program = _specialised(bundle)
    _check(bundle, program)
    return "\n".join(_lines(bundle, program))


def _specialised(bundle: Bundle) -> Program:
    """Return the program with its function constants compiled in, for PyTorch passes none."""
    given = {each.constant.index: each.value for each in bundle.constants if each.is_given}
    return constants.specialised(bundle.program, given or None)


def _check(bundle: Bundle, program: Program) -> None:
    for parameter in bundle.parameters:
        if parameter.texture is not None:
            raise EnigmaTypeError(
                f"kernel {bundle.name} cannot be exported to torch: its parameter {parameter.name} is a texture",
                loc=parameter.loc, help="PyTorch has no textures: take a buffer",
            )  # fmt: skip
    strange = next((letter for letter in program.metal.text if not letter.isascii()), None)
    if strange is not None:
        raise EnigmaTypeError(
            f"kernel {bundle.name} cannot be exported to torch: its text has the letter {strange!r}, and PyTorch takes ASCII only",
            loc=program.traced.loc, help="name parameters and variables in ASCII",
        )  # fmt: skip


def _local(name: str, taken: Sequence[str] = ()) -> str:
    """Return a name that means nothing else in the function."""
    return python.local(name, _TAKEN, taken)


def _global(name: str, taken: Sequence[str] = ()) -> str:
    """Return a name that means nothing else in the file."""
    return _local(name, [*taken, *dir(builtins)])


class _Names:
    """The names of the file: the function, its parameters, the sizes, the structs."""

    def __init__(self, bundle: Bundle) -> None:
        self.function = _global(bundle.name)
        self.structs: dict[Struct, str] = {}  # two structs of one name are two classes
        for _, struct in structs(bundle):
            self.structs[struct] = _global(struct.name, [self.function, *self.structs.values()])
        taken = [self.function, *self.structs.values()]
        self.parameters: dict[str, str] = {}
        for parameter in bundle.parameters:
            self.parameters[parameter.name] = _local(parameter.name, [*taken, *self.parameters.values()])
        taken += self.parameters.values()
        self.grid, self.threads = _local("grid", taken), _local("threads", taken)


def _lines(bundle: Bundle, program: Program) -> Iterator[str]:
    names = _Names(bundle)
    yield from _head(bundle, names)
    yield f'SOURCE = r"""{program.metal.text}"""'
    yield f'ENTRY = "{program.metal.entry}"'
    yield 'DEVICE = "mps"\n'
    yield from _structs(bundle, names)
    yield from _function(bundle, names)
    body = "\n".join(_function(bundle, names))
    yield texts.LAUNCH
    for used, part in (
        ("_whole(", python.WHOLE_SIMDGROUPS), ("_integer(", texts.INTEGER), ("_float(", texts.FLOAT), ("_half(", texts.HALF),
        ("_bfloat(", texts.BFLOAT),
    ):  # fmt: skip
        if used in body:
            yield part
    yield texts.CHECK
    yield from _self_check(bundle, names)


def _head(bundle: Bundle, names: _Names) -> Iterator[str]:
    sizes = f"{names.grid}={python.size(bundle.geometry.grid)}, {names.threads}={python.size(bundle.geometry.threads)}"
    arguments = ", ".join([*names.parameters.values(), sizes])
    yield f'"""The Metal kernel `{bundle.name}` for PyTorch\'s MPS tensors: it needs PyTorch 2.7 or later, and nothing else.\n'
    yield f"    from {bundle.name}_torch import {names.function}\n"
    yield f"    {names.function}({arguments})\n"
    yield "Run as a program, it runs the reference launch in `vectors` and compares."
    yield f"Exported by enigma {__version__} from `{bundle.source}`."
    yield '"""\n'
    yield "from __future__ import annotations\n"
    structs = [p.struct for p in bundle.parameters if p.struct is not None]
    scalars = [m.dtype for s in structs for m in s.members] + [
        p.dtype for p in bundle.parameters if p.kind is Kind.SCALAR
    ]
    yield "import functools"
    if bundle.thread_multiple > 1:
        yield "import itertools"
    yield "import math\nimport pathlib"
    if structs or any(dtype.name in ("f16", "bf16") for dtype in scalars):
        yield "import struct"
    yield "import sys\nfrom collections.abc import Sequence"
    if structs:
        yield "from typing import NamedTuple"
    yield "\nimport torch\n"


def _structs(bundle: Bundle, names: _Names) -> Iterator[str]:
    for parameter, struct in structs(bundle):
        yield f"\nclass {names.structs[struct]}(NamedTuple):"
        yield f'    """What is passed by value in {parameter.name}."""\n'
        for member in struct.members:
            yield f"    {_field(member.name)}: {_python(member.dtype)}"
        yield ""


def _field(name: str) -> str:
    return _local(name) if name.startswith("_") or keyword.iskeyword(name) else name


def _python(dtype: Numeric) -> str:
    return "float" if dtype.is_float else "bool" if dtype.kind == "b" else "int"


# ---- the function


def _function(bundle: Bundle, names: _Names) -> Iterator[str]:
    parameters = [f"{names.parameters[p.name]}: {_annotation(p, names)}" for p in bundle.parameters]
    wrap = ",\n    " if sum(map(len, parameters)) > _LINE else ", "
    written = [k for k, p in enumerate(bundle.parameters) if p.access.writes]
    casts = {k: cast for k, p in enumerate(bundle.parameters) if (cast := _cast(p)) is not None}
    yield f"\ndef {names.function}("
    yield f"    {wrap.join([*parameters, '*'])},"
    yield f"    {names.grid}: int | Sequence[int], {names.threads}: int | Sequence[int] = {python.size(bundle.geometry.threads)},"
    yield ") -> None:"
    yield f'    """Run the kernel on `{names.grid}` threads in all per axis, `{names.threads}` of them in a threadgroup.\n'
    for parameter in bundle.parameters:
        yield f"    - `{names.parameters[parameter.name]}`: {_what(parameter)}"
    for each in bundle.constants:
        yield f"    - the function constant `{each.constant.name}` is {number(each.value)}, compiled in"
    yield '    """'
    if bundle.thread_multiple > 1:
        yield f"    _whole({names.grid}, {names.threads})"
    yield "    _launch("
    yield "        ["
    for parameter in bundle.parameters:
        yield f"            {_argument(parameter, names.parameters[parameter.name])},"
    yield "        ],"
    yield f"        {_literal(casts)}, {written}, {names.grid}, {names.threads},"
    yield "    )\n"


def _literal(casts: Mapping[int, str]) -> str:
    return "{" + ", ".join(f'{k}: "{cast}"' for k, cast in casts.items()) + "}"


def _cast(parameter: Parameter) -> str | None:
    if parameter.struct is not None:
        return "uint8"
    return cast_of(parameter.dtype) if parameter.kind is Kind.SCALAR else None


def _annotation(parameter: Parameter, names: _Names) -> str:
    if parameter.struct is not None:
        return names.structs[parameter.struct]
    return _python(parameter.dtype) if parameter.kind is Kind.SCALAR else "torch.Tensor"


def _what(parameter: Parameter) -> str:
    if parameter.struct is not None:
        return f"a struct of {parameter.struct.size} bytes, by value"
    if parameter.kind is Kind.SCALAR:
        return f"a number, passed as {parameter.metal_name}"
    return f"{python.held(parameter, parameter.metal_name)}, {VERBS[parameter.access]}"


def _argument(parameter: Parameter, name: str) -> str:
    """Return the expression that checks an argument and makes it what PyTorch binds."""
    if parameter.struct is not None:
        return _packed(parameter, name)
    dtype = parameter.dtype
    if parameter.kind is not Kind.SCALAR:
        return _buffer(parameter, name)
    if dtype.name == "f16":
        return f"_half({name})"
    if dtype.name == "bf16":
        return f"_float({name})"
    if dtype.is_float:
        return f"_float({name})"
    low, high = (0, 1) if dtype.kind == "b" else (dtype.min, dtype.max)
    return f'_integer("{name}", {name}, {low}, {high})'


def _buffer(parameter: Parameter, name: str) -> str:
    dtype = parameter.dtype
    start = _CONSTANT_START if parameter.is_constant_memory else max(_START, dtype.size)
    said = [f'"{name}"', name, f'"{dtype.element.numpy_name}"', f"start={start}", *python.counts(parameter)]
    if parameter.access.writes:
        said.append("written=True")
    return f"_tensor({', '.join(said)})"


def _packed(parameter: Parameter, name: str) -> str:
    """Return a struct as its bytes, with the holes that Metal leaves between members."""
    struct = parameter.struct
    if struct is None:
        return name
    code, end, values = "<", 0, list[str]()
    for member, offset in zip(struct.members, struct.offsets, strict=True):
        code += f"{offset - end}x" * (offset > end) + _CODES[member.dtype.name]
        end = offset + member.dtype.size
        value = f"{name}.{_field(member.name)}"
        values.append(f"_bfloat({value})" if member.dtype.name == "bf16" else value)
    code += f"{struct.size - end}x" * (struct.size > end)
    return f'[*struct.pack("{code}", {", ".join(values)})]'


# ---- the self-check


def _self_check(bundle: Bundle, names: _Names) -> Iterator[str]:
    yield "\ndef check() -> None:"
    yield '    """Run the reference launch. Raises AssertionError where the kernel writes something else."""'
    passed: list[str] = []
    for parameter in bundle.parameters:
        if parameter.kind is Kind.BUFFER:
            yield f"    {names.parameters[parameter.name]} = {_file(parameter, input_file(parameter), parameter.given)}"
            passed.append(names.parameters[parameter.name])
        else:
            passed.append(_value(parameter, names))
    sizes = f"{names.grid}={python.size(bundle.geometry.grid)}, {names.threads}={python.size(bundle.geometry.threads)}"
    yield f"    {names.function}({', '.join([*passed, sizes])})"
    for parameter in bundle.parameters:
        if parameter.expected is not None:
            name, (relative, absolute) = names.parameters[parameter.name], parameter.tolerance
            expected = _file(parameter, expected_file(parameter), parameter.expected)
            yield f'    _compare("{name}", {name}, {expected}, {relative!r}, {absolute!r})'
    yield '\n\nif __name__ == "__main__":'
    yield "    if not torch.backends.mps.is_available():"
    yield f'        sys.exit("{bundle.name}: PyTorch has no MPS device here; it needs a Mac with an Apple GPU")'
    yield "    check()"
    yield f'    print("{bundle.name}: the reference launch agrees")\n'


def _file(parameter: Parameter, name: str, array: Any) -> str:
    return f'_read("{name}", "{parameter.dtype.element.numpy_name}", {tuple(array.shape)})'


def _value(parameter: Parameter, names: _Names) -> str:
    struct = parameter.struct
    if struct is None:
        return python.literal(parameter.given)
    fields = zip(struct.members, parameter.given, strict=True)
    return f"{names.structs[struct]}({', '.join(f'{_field(member.name)}={python.literal(value)}' for member, value in fields)})"
