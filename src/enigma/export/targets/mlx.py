"""`--to mlx`: a Python file that runs the kernel as an operation of MLX, with the reference launch as its self-check."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from enigma._version import __version__
from enigma.dtypes import Numeric
from enigma.errors import EnigmaTypeError
from enigma.export.bundle import Access, Bundle, Files, Parameter
from enigma.export.readme import readme
from enigma.export.reflection import reflection_text
from enigma.export.targets import mlx_texts as texts
from enigma.export.targets import python
from enigma.export.vectors import expected_file, input_file, number, vector_files
from enigma.runtime import constants
from enigma.runtime.choose import runtime
from enigma.runtime.program import Program
from enigma.trace.args import Kind

if TYPE_CHECKING:
    from enigma.emit.mlx_text import MlxText

_TAKEN = frozenset((
    "mx", "np", "functools", "itertools", "math", "pathlib", "sys", "Sequence", "annotations", "HEADER", "SOURCE", "STREAM",
    "check", *keyword.kwlist,
))  # fmt: skip
"""Names that mean something else in the bodies of functions; those of the file itself must leave builtins alone, too."""


def files(bundle: Bundle) -> Files:
    """Return the Python file, the reflection, the arrays of the reference launch and a README.

    Raises `EnigmaTypeError` for a kernel with textures or structs, with a log, or that reads what its outputs held before.
    """
    bundle.refuse_reports("mlx")
    _check(bundle)
    bundle = _from_zero(bundle)
    module, names = f"{bundle.name}_mlx", _Names(bundle)
    said = (
        f"- `{module}.py`: the kernel and the function `{names.function}` that makes an operation of MLX of it\n"
        f"- `{bundle.name}.json`: its parameters, sizes and constants, and the reference launch, for programs\n"
        "- `vectors/`: arrays of the reference launch",
        "It needs MLX, and nothing else; import the file, or copy it into a program. Arrays that the kernel writes are new arrays, "
        "zero at first. To run the reference launch on a Mac and compare:",
        f"    python {module}.py",
    )
    return {
        f"{module}.py": "\n".join(_lines(bundle, names)),
        f"{bundle.name}.json": reflection_text(bundle),
        "README.md": readme(bundle, bundle.name, said),
        **vector_files(bundle),
    }


def _check(bundle: Bundle) -> None:
    for parameter in bundle.parameters:
        if parameter.kind in (Kind.TEXTURE, Kind.STRUCT):
            what = "texture" if parameter.kind is Kind.TEXTURE else "struct"
            raise EnigmaTypeError(
                f"kernel {bundle.name} cannot be exported to mlx: its parameter {parameter.name} is a {what}",
                loc=parameter.loc, help="take a buffer" if what == "texture" else "take its members as Scalars",
            )  # fmt: skip
        if parameter.access is Access.READ_WRITE and np.ravel(parameter.given).view(np.uint8).any():
            raise EnigmaTypeError(
                f"kernel {bundle.name} cannot be exported to mlx: it updates its parameter {parameter.name}, and arrays of MLX "
                "never change", loc=parameter.loc,
                help="read one parameter and write another; what is only counted up from zero may stay, with zeros in the launch",
            )  # fmt: skip
    if not any(parameter.access.writes for parameter in bundle.parameters):
        raise EnigmaTypeError(
            f"kernel {bundle.name} cannot be exported to mlx: it writes nothing", loc=bundle.program.traced.loc,
            help="write the result to a buffer",
        )  # fmt: skip


def _from_zero(bundle: Bundle) -> Bundle:
    """Return the bundle with a reference launch whose outputs are zero at first, as those of MLX are."""
    if not any(p.access.writes and np.ravel(p.given).view(np.uint8).any() for p in bundle.parameters):
        return bundle
    given = [np.zeros_like(p.given) if p.access.writes else p.given for p in bundle.parameters]
    after: list[Any] = [cast("Any", x).copy() if isinstance(x, np.ndarray) else x for x in given]
    runtime(bundle.device).bind_whole(specialised(bundle), after, bundle.geometry)()
    return replace(
        bundle,
        parameters=tuple(
            replace(p, given=x, expected=y) if p.access.writes else p
            for p, x, y in zip(bundle.parameters, given, after, strict=True)
        ),
    )


def specialised(bundle: Bundle) -> Program:
    """Return the program with its function constants compiled in, for MLX passes none."""
    given = {each.constant.index: each.value for each in bundle.constants if each.is_given}
    return constants.specialised(bundle.program, given or None)


def text(bundle: Bundle) -> MlxText:
    """Return the kernel as `mx.fast.metal_kernel` takes it, with its function constants compiled in."""
    from enigma.emit.mlx import emit_mlx  # xDSL is heavy

    return emit_mlx(specialised(bundle).lower(None))


# ---- names


def _local(name: str, taken: Sequence[str] = ()) -> str:
    """Return a name that means nothing else in the function."""
    return python.local(name, _TAKEN, taken)


class _Names:
    """The names of the file: the function, its parameters, the shapes of outputs, the sizes."""

    def __init__(self, bundle: Bundle) -> None:
        self.function = _local(bundle.name, dir(builtins))
        self.parameters: dict[str, str] = {}
        taken = [self.function, "isinstance"]
        for parameter in bundle.parameters:
            taken.append(_local(parameter.name, taken))
            self.parameters[parameter.name] = taken[-1]
        self.shapes: dict[str, str] = {}
        for parameter in bundle.parameters:
            if parameter.access.writes:
                taken.append(_local(f"{self.parameters[parameter.name]}_shape", taken))
                self.shapes[parameter.name] = taken[-1]
        self.grid, self.threads = _local("grid", taken), _local("threads", taken)


# ---- the file


def _lines(bundle: Bundle, names: _Names) -> Iterator[str]:
    body_text = text(bundle)
    inputs = [p for p in bundle.parameters if not p.access.writes]
    yield from _head(bundle, names, inputs)
    yield f'HEADER = r"""{body_text.header}"""\n'
    yield f'SOURCE = r"""{body_text.source}"""\n'
    yield "STREAM = None  # MLX's default stream of the GPU\n"
    yield from _kernel(bundle, body_text)
    yield from _function(bundle, names, inputs)
    yield texts.LAUNCH
    if bundle.thread_multiple > 1:
        yield python.WHOLE_SIMDGROUPS
    if any(parameter.kind is Kind.SCALAR for parameter in inputs):
        yield texts.NUMBER
    yield texts.CHECK
    yield from _self_check(bundle, names, inputs)


def _head(bundle: Bundle, names: _Names, inputs: Sequence[Parameter]) -> Iterator[str]:
    sizes = f"{names.grid}={python.size(bundle.geometry.grid)}, {names.threads}={python.size(bundle.geometry.threads)}"
    shapes = [f"{name}=..." for name in names.shapes.values()]
    arguments = ", ".join([*(names.parameters[p.name] for p in inputs), *shapes, sizes])
    results = ", ".join(names.parameters[name] for name in names.shapes)
    yield f'"""The Metal kernel `{bundle.name}` as an operation of MLX: it needs MLX, and nothing else.\n'
    yield f"    from {bundle.name}_mlx import {names.function}\n"
    yield f"    {results} = {names.function}({arguments})\n"
    yield "Run as a program, it runs the reference launch in `vectors` and compares."
    yield f"Exported by enigma {__version__} from `{bundle.source}`."
    yield '"""\n'
    yield "from __future__ import annotations\n"
    yield "import functools"
    if bundle.thread_multiple > 1:
        yield "import itertools"
    yield "import math\nimport pathlib\nimport sys\nfrom collections.abc import Sequence\n"
    yield "import mlx.core as mx\nimport numpy as np\n"


def _kernel(bundle: Bundle, written: MlxText) -> Iterator[str]:
    options = ', compile_options={"math_mode": "fast"}' if bundle.is_fast else ""
    yield "\n@functools.cache\ndef _kernel():"
    yield '    """Return the kernel, which MLX compiles at the first call."""'
    yield "    return mx.fast.metal_kernel("
    yield f'        name="{written.unique(bundle.name)}", header=HEADER, source=SOURCE,'
    yield f"        input_names={_quoted(written.inputs)}, output_names={_quoted(written.outputs)}{options},"
    yield "    )\n"


def _quoted(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _function(bundle: Bundle, names: _Names, inputs: Sequence[Parameter]) -> Iterator[str]:
    outputs = [p for p in bundle.parameters if p.access.writes]
    result = "mx.array" if len(outputs) == 1 else f"tuple[{', '.join(['mx.array'] * len(outputs))}]"
    yield f"\ndef {names.function}("
    for parameter in inputs:
        yield f"    {names.parameters[parameter.name]}: {_annotation(parameter)},"
    yield "    *,"
    for name in names.shapes.values():
        yield f"    {name}: int | Sequence[int],"
    yield f"    {names.grid}: int | Sequence[int],"
    yield f"    {names.threads}: int | Sequence[int] = {python.size(bundle.geometry.threads)},"
    yield f") -> {result}:"
    written = " and ".join(f"`{names.parameters[p.name]}`" for p in outputs)
    yield f'    """Return {written}: `{names.grid}` threads run in all per axis, `{names.threads}` of them in a threadgroup.\n'
    for parameter in inputs:
        yield f"    - `{names.parameters[parameter.name]}`: {_what(parameter)}"
    for parameter in outputs:
        yield f"    - `{names.shapes[parameter.name]}`: the shape of `{names.parameters[parameter.name]}`, {_what(parameter)}"
    for each in bundle.constants:
        yield f"    - the function constant `{each.constant.name}` is {number(each.value)}, compiled in"
    yield '    """'
    if bundle.thread_multiple > 1:
        yield f"    _whole({names.grid}, {names.threads})"
    yield "    return _launch("
    yield "        ["
    for parameter in inputs:
        yield f"            {_argument(parameter, names.parameters[parameter.name])},"
    yield "        ],"
    shapes, dtypes = ", ".join(names.shapes.values()), ", ".join(_dtype(p.dtype) for p in outputs)
    yield f"        [{shapes}], [{dtypes}], {names.grid}, {names.threads},"
    yield "    )\n"


def _annotation(parameter: Parameter) -> str:
    if parameter.kind is not Kind.SCALAR:
        return "mx.array"
    dtype = parameter.dtype
    return f"{'float' if dtype.is_float else 'bool' if dtype.kind == 'b' else 'int'} | mx.array"


def _dtype(dtype: Numeric) -> str:
    name = dtype.element.numpy_name
    return f"mx.{'bool_' if name == 'bool' else name}"


def _what(parameter: Parameter) -> str:
    if parameter.kind is Kind.SCALAR:
        return f"a number, passed as {parameter.metal_name}"
    return python.held(parameter, parameter.dtype.metal_name)


def _argument(parameter: Parameter, name: str) -> str:
    """Return the expression that checks an argument and makes it what MLX passes."""
    dtype = parameter.dtype
    said = [f'"{name}"', name, _dtype(dtype)]
    if parameter.kind is Kind.SCALAR:
        if not dtype.is_float:
            said += ["0, 1"] if dtype.kind == "b" else [f"{dtype.min}, {dtype.max}"]
        return f"_number({', '.join(said)})"
    return f"_array({', '.join([*said, *python.counts(parameter)])})"


# ---- the self-check


def _self_check(bundle: Bundle, names: _Names, inputs: Sequence[Parameter]) -> Iterator[str]:
    outputs = [p for p in bundle.parameters if p.access.writes]
    yield "\ndef check() -> None:"
    yield '    """Run the reference launch. Raises AssertionError where the kernel writes something else."""'
    passed: list[str] = []
    for parameter in inputs:
        if parameter.kind is Kind.SCALAR:
            passed.append(python.literal(parameter.given))
        else:
            yield f"    {names.parameters[parameter.name]} = {_file(parameter, input_file(parameter), parameter.given)}"
            passed.append(names.parameters[parameter.name])
    shapes = [f"{names.shapes[p.name]}={tuple(p.given.shape)}" for p in outputs]
    sizes = f"{names.grid}={python.size(bundle.geometry.grid)}, {names.threads}={python.size(bundle.geometry.threads)}"
    results = ", ".join(names.parameters[p.name] for p in outputs)
    yield f"    {results} = {names.function}({', '.join([*passed, *shapes, sizes])})"
    for parameter in outputs:
        name, (relative, absolute) = names.parameters[parameter.name], parameter.tolerance
        expected = _file(parameter, expected_file(parameter), parameter.given)
        yield f'    _compare("{name}", {name}, {expected}, {relative!r}, {absolute!r})'
    yield '\n\nif __name__ == "__main__":'
    yield "    if not mx.metal.is_available():"
    yield f'        sys.exit("{bundle.name}: MLX has no GPU with Metal here; it needs a Mac with an Apple GPU")'
    yield "    check()"
    yield f'    print("{bundle.name}: the reference launch agrees")\n'


def _file(parameter: Parameter, name: str, array: Any) -> str:
    return f'_read("{name}", {_dtype(parameter.dtype)}, {tuple(array.shape)})'
