"""`enigma.compile`: a kernel with every stage of its compilation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enigma import config, context
from enigma.emit.metal_text import MslText
from enigma.errors import EnigmaError, EnigmaTypeError, EnigmaValueError
from enigma.runtime import direct, toolchain
from enigma.runtime.diagnostics import SourceMap
from enigma.runtime.jit import JitDef
from enigma.runtime.profiling.events import stage
from enigma.runtime.program import Program, TextureParam
from enigma.runtime.sequence import CompiledJit
from enigma.runtime.texts import Style, emitted, metal_text
from enigma.source import SourceLoc
from enigma.trace.dump import dump
from enigma.trace.hooks import hooks
from enigma.trace.kernel import KernelDef, math_named
from enigma.trace.node import Constant

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from enigma.runtime.reports import Site

STAGES = ("ir", "mlir", "msl", "llvm", "asm")


@dataclass(slots=True)
class CompiledKernel:
    """A compiled kernel: its texts at every stage, and what a runtime needs to launch it.

    `metal_source` and `mlir_source` are always there; `mlir_source` is the very module that the Metal source was printed from,
    made when it is asked for if the Metal source came from the disk cache.
    `metallib_path` and `metallib_bytes` are None when compilation stopped at text. `.asm["ir" | "mlir" | "msl" | "llvm" | "asm"]`
    gives any stage; `source_map` leads from a line of the Metal source to its Python line. `module` is the MLIR module itself
    (xDSL's). `entry_name` is the kernel's name in the Metal source: `kernel_name`, with an underscore behind it where
    that is a word or library function of Metal.

        print(enigma.compile(kernel).metal_source)
    """

    kernel_name: str
    program: Program
    metal_source: str
    _source: Program
    metallib_path: str | None = None
    metallib_bytes: bytes | None = None
    grid: tuple[int, ...] | None = None  # of the launch in a jit function
    block: tuple[int, ...] | None = None
    scalars: tuple[Any, ...] | None = None
    entry_name: str = ""
    places: tuple[SourceLoc | None, ...] = ()
    asm: Mapping[str, str] = field(init=False)
    _mlir: str | None = None

    def __post_init__(self) -> None:
        self.asm = Stages(self)

    def __repr__(self) -> str:
        return f"<compiled kernel {self.kernel_name}({', '.join(self.param_names)})>"

    @property
    def module(self) -> ModuleOp:
        """The MLIR module, xDSL's own; made when it is first asked for."""
        return self._source.module

    @property
    def mlir_source(self) -> str:
        """The MLIR module as text: the very module that the Metal source was printed from."""
        if self._mlir is None:
            self._mlir = _print_module(self.module)
        return self._mlir

    @property
    def launches(self) -> tuple[CompiledKernel, ...]:
        """Itself: the only launch. A compiled jit function may have several."""
        return (self,)

    def _repr_html_(self) -> str:
        return context.load_explorer().compiled_html(self)

    def explore(
        self, path: Any = None, *, grid: Any = None, threads: Any = (256, 1, 1), report: Any = None,
        constants: Mapping[Any, Any] | None = None,
    ) -> Path:  # fmt: skip
        """Write one HTML file with every stage side by side, and return its path (default `NAME.html`).

        Python, traced IR, MLIR after each pass with what the pass changed, Metal and LLVM IR: pointing at a line shows the
        same operation in all of them. The file needs no network. Tabs tell the launch of `grid` threads in threadgroups of
        `threads`, how memory is accessed, and with the `report` of `enigma.check` what the checked run found. `constants` are
        the values of function constants, without which LLVM IR and memory accesses are not there.

        Raises `EnigmaValueError` for a file that cannot be written, `LaunchError` for sizes or constants that no launch has.

            compiled.explore("saxpy.html", grid=10_000, threads=256)
        """
        return context.load_explorer().explore(
            self, path, grid=grid, threads=threads, report=report, constants=constants
        )

    def export(self, *args: Any, to: str, path: Any = None, **launch: Any) -> Path:
        """Write the kernel as a folder that can be shipped, and return its path: what `enigma.export(compiled, ...)` does.

        `args` are the arguments in order; of a compiled jit function, its size and its numbers may be left out. `launch` is
        `grid`, `threads`, `constants`, `device`, `rtol`, `atol` and `overwrite`.

            compiled.export(x, y, 2.0, grid=1000, to="msl", path="saxpy")
        """
        return context.load_exporter().export(self, *args, to=to, path=path, **launch)

    @property
    def kernel_source(self) -> str:
        """The Metal source; another name of `metal_source`."""
        return self.metal_source

    @property
    def scalar_params(self) -> list[tuple[str, int, str]]:
        """The by-value parameters: name, slot, Metal dtype (of a struct, its name)."""
        return [(argument.name, argument.slot, argument.type_name) for argument in self.program.scalars]

    @property
    def texture_params(self) -> list[TextureParam]:
        """The texture parameters: each has `name`, `slot`, `index` (that of `[[texture(index)]]`), `kind`, `access`, `dtype` and
        `is_written`.
        """
        return list(self.program.textures)

    @property
    def math(self) -> str:
        """The math it is compiled with: "default", "precise" or "fast"."""
        return self.program.traced.math.value

    @property
    def function_constants(self) -> list[Constant]:
        """The function constants by index: each has `index`, `name`, `dtype`, `default` (None: a launch must give it)."""
        return list(self.program.traced.function_constants)

    @property
    def num_params(self) -> int:
        """How many slots the kernel has."""
        return len(self.program.arguments)

    @property
    def param_names(self) -> list[str]:
        """The parameters' names in slot order."""
        return [argument.name for argument in self.program.arguments]

    @property
    def reports(self) -> tuple[Site, ...]:
        """The places of the kernel that print or assert: kind, text, dtypes of the values, Python line.

        Where there is one, the Metal source is to be compiled and run with logging enabled; each message in the log begins
        with the file and line of its place.
        """
        return tuple(self.program.sites.values())

    @property
    def source_map(self) -> SourceMap:
        """Where each line of the Metal source comes from: `.source_map[n]` is the Python place of line n, or None."""
        return SourceMap(self.metal_source, self.places)

    def mlir(self, *, locations: bool = False) -> str:
        """Return `mlir_source`, with `locations` the Python line of each operation: `loc("kernels.py":12:5)`."""
        return _print_module(self.module, locations=True) if locations else self.mlir_source

    @property
    def has_metallib(self) -> bool:
        """Whether a .metallib was built."""
        return self.metallib_path is not None

    def export_metal(self, path: str | Path | None = None) -> str:
        """Write the Metal source to `path` (default `NAME.metal` in the working folder), and return the path."""
        target = Path(path) if path is not None else Path(f"{self.kernel_name}.metal")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.metal_source, encoding="utf-8")
        return str(target)


class Stages(Mapping[str, str]):
    """The texts of every stage by name, each made when it is first asked for.

    "llvm" and "asm" are for threadgroups of 256 threads along x; `enigma.runtime("cpu").llvm(compiled, threads)` for others.
    """

    def __init__(self, compiled: CompiledKernel) -> None:
        self._compiled = compiled
        self._native: dict[str, str] = {}

    def __getitem__(self, stage: str) -> str:
        compiled = self._compiled
        match stage:
            case "ir":
                return dump(compiled.program.traced)
            case "mlir":
                return compiled.mlir_source
            case "msl":
                return compiled.metal_source
            case "llvm" | "asm":
                if stage not in self._native:
                    from enigma.runtime import cpu  # llvmlite is heavy

                    make = cpu.llvm_text if stage == "llvm" else cpu.assembly_text
                    self._native[stage] = make(compiled.program, (256, 1, 1))
                return self._native[stage]
            case _:
                raise KeyError(f"no stage {stage!r}: stages are {', '.join(STAGES)}")

    def __iter__(self) -> Iterator[str]:
        return iter(STAGES)

    def __len__(self) -> int:
        return len(STAGES)


def compile(
    fn: Any, *args: Any, keep_metal_source: bool = False, dump_ir: bool = False, dump_mlir: bool = False,
    work_dir: str | Path | None = None, vec_width: int = 0, emit_only: bool | None = None, line_comments: bool = False,
    source_map: bool = False, math: str | None = None, async_copy: str = "shared", **constexprs: Any,
) -> CompiledKernel:  # fmt: skip
    """Compile a kernel and return every stage of it; of an `@enigma.jit` function its launches, for arguments that follow it.

    A jit function takes tensors, arrays and Python values. One launch is a compiled kernel with its `grid` and `block`; several
    are a `CompiledJit`, whose `launches` are such.

    - `dump_ir`, `dump_mlir` print the traced IR and the MLIR module.
    - `keep_metal_source` keeps `NAME.metal` (and `NAME.air`) in `work_dir`, which is created; default: a new temporary folder.
    - `emit_only` stops at Metal source; None means everywhere but on a Mac with Apple's Metal compiler, and where
      ENIGMA_EMIT_ONLY is set. With False and without that compiler it raises `ToolchainError`, a `RuntimeError`.
    - `line_comments` adds the Python line to every line of Metal, `source_map` adds `#line`; a .metallib then has line tables
      and sources for Xcode's debugger.
    - `async_copy` is "shared", or "raw" for Apple's undocumented instructions in the Metal text, which compilers from Xcode 26.2
      and macOS 26 on refuse. The other runtimes share copies out all the same.
    - `vec_width` of 2, 3 or 4 compiles the kernel on vectors: each f32, f16 and bf16 buffer becomes one of vectors of so many
      numbers, packed. An index counts vectors, so launch the grid divided by the width, rounded up. An array that ends within
      a vector is run on a copy of it, filled up with zeros, and nothing behind its end is touched.
    - `math` is "default" (safe: NaN and infinity mean what IEEE says), "precise" (as default, and Metal's precise functions are
      named in the text) or "fast" (Metal's fast math); None takes the kernel's own, `@enigma.kernel(math=...)`.
    - other keywords are the values of `constexpr` parameters.

    Raises `EnigmaTypeError` for something that is no kernel, and the located errors of the kernel itself.

    >>> import enigma
    >>> @enigma.kernel
    ... def twice(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] * 2
    >>> compiled = enigma.compile(twice)
    >>> compiled
    <compiled kernel twice(A, Out)>
    >>> "kernel void twice(" in compiled.metal_source
    True
    """
    if isinstance(fn, JitDef):
        options = {name: value for name, value in locals().items() if name not in ("fn", "args", "constexprs")}
        return _launches(fn, args, constexprs, options)
    kernel = _kernel(fn, args)
    _check_vec_width(vec_width)
    with stage("trace", "compile", kernel_name=kernel.name):
        traced = kernel.trace(constexprs, vec_width=vec_width)
    program = Program(traced if math is None else replace(traced, math=math_named(math)))
    _show_ir(program, printed=dump_ir)
    source = _for_metal(kernel, constexprs, program, async_copy, vec_width)
    if dump_mlir:
        _show_mlir(source)
    with stage("emit_metal", "compile", kernel_name=program.name):
        metal = _metal(source, Style(line_comments, source_map))
    compiled = _compiled(program, metal, source)
    if dump_ir:
        print(f"=== Metal ===\n{metal.text}", end="")
    if _builds(emit_only):
        _build(compiled, metal, work_dir, keep_source=keep_metal_source, debug=source_map)
    elif keep_metal_source and work_dir is not None:
        compiled.export_metal(Path(work_dir) / f"{program.name}.metal")
    return compiled


def _show_ir(program: Program, *, printed: bool) -> None:
    """Write the traced IR where ENIGMA_DUMP asks for it, and print it."""
    _write_dump(program, "ir", dump(program.traced))
    if printed:
        print(dump(program.traced), end="")


def _show_mlir(program: Program) -> None:
    """Print the MLIR module."""
    text = _print_module(program.module)
    print(f"=== MLIR (enigma dialect): {program.name} ===\n{text}", end="" if text.endswith("\n") else "\n")


def _compiled(program: Program, metal: MslText, source: Program) -> CompiledKernel:
    program.metal = metal
    compiled = CompiledKernel(program.name, program, metal.text, source, entry_name=metal.entry, places=metal.lines)
    _write_dumps(compiled)
    return compiled


def _builds(emit_only: bool | None) -> bool:
    """Return whether a .metallib is to be built; where nobody said, on a Mac with Apple's tools: Metal compiles text itself."""
    return not emit_only if emit_only is not None else not config.emit_only() and toolchain.available()


def _build(
    compiled: CompiledKernel, metal: MslText, work_dir: str | Path | None, *, keep_source: bool, debug: bool
) -> None:
    """Add a .metallib to a compiled kernel, which Metal then loads in place of compiling the text."""
    program = compiled.program
    options = toolchain.Options(metal.msl_version, program.traced.math, logs=bool(program.sites), debug=debug)
    with stage("build_metallib", "compile", kernel_name=program.name):
        library = toolchain.build(
            program.name, metal.text, work_dir, keep_source=keep_source, places=metal.lines, options=options
        )
    compiled.metallib_path, compiled.metallib_bytes = str(library.path), library.content
    program.metallib = compiled.metallib_path


def _launches(fn: JitDef, args: tuple[Any, ...], named: dict[str, Any], options: dict[str, Any]) -> Any:
    """Compile each launch of a host function."""
    recorded = fn.record(args, named)
    found: list[CompiledKernel] = []
    for launch in recorded.launches:
        compiled = compile(launch.bound.kernel, **options, **launch.bound.constants)
        compiled.grid, compiled.block = launch.grid, launch.block
        taken = zip(compiled.program.arguments, launch.bound.arguments, strict=True)
        compiled.scalars = tuple(value for argument, value in taken if argument.is_scalar)
        found.append(compiled)
    return found[0] if len(found) == 1 else CompiledJit(fn.name, tuple(found), recorded)


def _kernel(fn: Any, args: tuple[Any, ...]) -> KernelDef:
    if not isinstance(fn, KernelDef):
        raise EnigmaTypeError(
            f"compile takes a kernel, but it got {fn!r}",
            help="decorate the function with @enigma.kernel or @enigma.jit",
        )
    if args:
        raise EnigmaTypeError(
            f"compile of a kernel takes no positional arguments, but it got {len(args)}",
            help="pass constexpr values by name: N=16",
        )
    return fn


def _for_metal(
    kernel: KernelDef, constexprs: Mapping[str, Any], program: Program, async_copy: str, vec_width: int
) -> Program:
    """Return the program that Metal's text is made from."""
    if async_copy not in ("shared", "raw"):
        raise EnigmaValueError(
            f"async_copy is {async_copy!r}, but it is either 'shared' or 'raw'", help="leave it at 'shared'"
        )
    if async_copy == "shared":
        return program
    return Program(replace(kernel.trace(constexprs, raw_copies=True, vec_width=vec_width), math=program.traced.math))


def _check_vec_width(vec_width: int) -> None:
    if vec_width not in (0, 2, 3, 4):
        raise EnigmaValueError(
            f"vec_width is {vec_width!r}, but a vector has 2, 3 or 4 elements", help="0 means no vectors"
        )


def _metal(program: Program, style: Style) -> MslText:
    """Return the Metal text; where ENIGMA_DUMP asks for it, each pass's module is written on the way."""
    folder = config.dump_folder()
    if folder is None:
        return metal_text(program, style)
    from enigma.dialect.text import print_module  # xDSL is heavy

    count = 0

    def observe(name: str, module: ModuleOp) -> None:
        nonlocal count
        path = Path(folder) / f"{program.name}.{count:02}-{name}.mlir"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(print_module(module), encoding="utf-8")
        count += 1

    program.module = program.lower(observe)
    return emitted(program, style)


def _print_module(module: ModuleOp, *, locations: bool = False) -> str:
    from enigma.dialect.text import print_module  # xDSL is heavy

    return print_module(module, locations=locations)


def _write_dump(program: Program, suffix: str, text: str) -> None:
    folder = config.dump_folder()
    if folder is not None:
        path = Path(folder) / f"{program.name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _write_dumps(compiled: CompiledKernel) -> None:
    if config.dump_folder() is None:
        return
    _write_dump(compiled.program, "mlir", compiled.mlir_source)
    _write_dump(compiled.program, "metal", compiled.metal_source)
    for kind, suffix in (("llvm", "ll"), ("asm", "s")):
        try:
            text = compiled.asm[kind]
        except EnigmaError as error:  # what the CPU lacks must not stop a kernel that is meant for Metal
            text = f"; not made: {error.message}\n"
        _write_dump(compiled.program, suffix, text)


# the kernel object, some layers below, runs through these
hooks.register(direct.launcher, direct.launch)
