"""What every runtime offers: `execute`, `prepare`, `run`. A runtime itself only says how to bind a program to arguments."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from enigma.dtypes import Numeric
from enigma.errors import DeviceError, LaunchError
from enigma.runtime import constants as function_constants
from enigma.runtime import foreign, launch, pytorch
from enigma.runtime.arrays import Array, by_numpy
from enigma.runtime.copies import Packed
from enigma.runtime.handles import Finished, Launch
from enigma.runtime.launch import Geometry
from enigma.runtime.padding import whole_vectors
from enigma.runtime.profiling.dispatch import QUEUE_TIMES, recorded, started
from enigma.runtime.profiling.events import Stage, recorder, stage
from enigma.runtime.program import Program


class Compiled(Protocol):
    """Something with a program: a `CompiledKernel`."""

    @property
    def program(self) -> Program:
        """The kernel on its way to a target."""
        ...


@runtime_checkable
class SeveralLaunches(Protocol):
    """A compiled host function with several launches: a `CompiledJit`."""

    kernel_name: str

    def execute_on(self, runtime: Any, inputs: Any, sizes: Any, shapes: Any, dtypes: Any, inout: Any) -> list[Array]:
        """Run all launches in order and return the outputs."""
        ...


class Runtime:
    """Runs compiled kernels. `grid` always counts all threads per axis, `threads` those of a threadgroup."""

    name = "runtime"
    max_threads = launch.MAX_THREADS

    def __repr__(self) -> str:
        return f"<enigma runtime {self.name}>"

    @property
    def usable(self) -> bool:
        """Whether it can still launch; one with a device can be closed, or lose it."""
        return True

    def bind(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Callable[[], None]:
        """Return a function that runs the program once on checked arguments (arrays and numbers in slot order)."""
        raise NotImplementedError

    def bind_whole(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Callable[[], None]:
        """Return what `bind` does; arrays that end within a vector of the kernel are run on longer copies."""
        launch.whole_simdgroups(program, geometry)
        if not program.has_padding:
            return self.bind(program, arguments, geometry)
        return whole_vectors(program, arguments, lambda seen: self.bind(program, seen, geometry), self.name)

    def run(
        self, program: Program, arguments: Sequence[Any], grid: Any, threads: Any, constants: Mapping[Any, Any] | None = None
    ) -> None:  # fmt: skip
        """Check the arguments and run once; outputs are written in place. Raises `LaunchError`."""
        try:
            geometry = launch.geometry(grid, threads, limit=self.max_threads)
            moved: list[Packed] = []
            bound = launch.bind(program, arguments, None, moved)
            ready = self.specialise(program, constants)
        except LaunchError:
            launch.together(
                lambda: launch.geometry(grid, threads, limit=self.max_threads), lambda: launch.bind(program, arguments, None, []),
                lambda: self.specialise(program, constants),
            )  # fmt: skip
            raise
        run = self.bind_whole(ready, bound, geometry)
        if moved:
            self.fill(program, moved)
        pytorch.wrote(written_tensors(program, bound))  # before: a launch whose assertion fails has written, too
        if recorder() is None:
            run()
        else:
            self._recorded(ready, run, geometry, bound)

    def _recorded(self, program: Program, run: Callable[[], None], geometry: Geometry, bound: Sequence[Any]) -> None:
        """Run once and record it: the arrays that the kernel writes are its outputs, though it may read them too."""
        arrays = [(x, slot.written) for slot, x in zip(program.slots, bound, strict=True) if not slot.param.is_scalar]
        inputs, outputs = ([x for x, written in arrays if written == wanted] for wanted in (False, True))
        recorded(self, program, run, geometry, call="launch", inputs=inputs, outputs=outputs)

    def fill(self, program: Program, moved: Sequence[Packed]) -> None:
        """Copy arguments to where the kernel can read them; launches that may still write them are waited for."""
        self.quiet()
        for one in moved:
            one.fill(program.name, self.name)

    def quiet(self) -> None:
        """Wait until no launch is under way, or gathered, that an array's content could depend on."""

    # ---- memory

    def empty(self, shape: Any, dtype: Any = np.float32) -> Array:
        """Return an array, not initialised, in memory that the device uses without a copy; `dtype` is NumPy's."""
        return np.empty(shape, dtype)

    def zeros(self, shape: Any, dtype: Any = np.float32) -> Array:
        """Return an array of zeros in memory that the device uses without a copy; `dtype` is NumPy's."""
        made = self.empty(shape, dtype)
        made[...] = np.zeros((), made.dtype)
        return made

    def array(self, values: Any, dtype: Any = None) -> Array:
        """Return a copy of an array, or of nested lists, in memory that the device uses without a copy."""
        given = np.asarray(values, dtype)
        made = self.empty(given.shape, given.dtype)
        made[...] = given
        return made

    # ---- launches

    def timed(self, run: Callable[[], None]) -> float:
        """Run what `bind` returned, and return how long the device worked on it, in microseconds."""
        start = time.perf_counter_ns()
        run()
        return (time.perf_counter_ns() - start) / 1000

    def profiled(self, run: Callable[[], None]) -> tuple[float, dict[str, Any]]:
        """Run what `bind` returned; return how long it took as `timed` does, and what else a profiler shows of the launch.

        That is how long it was scheduled, waited in a queue, and was encoded; what is not known stands in `absent`, and why.
        """
        reason = f"the {self.name} runtime runs a launch at once: nothing is scheduled, queued or encoded"
        return self.timed(run), {"absent": dict.fromkeys(QUEUE_TIMES, reason)}

    def start(self, run: Callable[[], None]) -> Launch:
        """Run what `bind` returned, on a device of its own while the caller goes on; here it is over on return."""
        return Finished(self.timed(run))

    def batch(self) -> AbstractContextManager[None]:
        """Return a `with` in which launches are sent to the device together; here each runs at once."""
        return nullcontext()

    @property
    def gathers(self) -> bool:
        """Whether a launch is part of a batch, and not over when it was made."""
        return False

    def settle(self) -> None:
        """Run what a batch has so far, so that outputs can be read."""

    def synchronize(self) -> None:
        """Wait for every launch that is under way."""

    def dispatch_batch(self, launches: Sequence[tuple[PreparedKernel, Any, Any]]) -> None:
        """Run prepared kernels, each with its grid and threads, one after another in one batch.

        rt.dispatch_batch([(first, (n, 1, 1), (256, 1, 1)), (second, (n, 1, 1), (256, 1, 1))])
        """
        for prepared, _, _ in launches:
            if prepared.runtime is not self:
                raise LaunchError(
                    f"kernel {prepared.program.name} was prepared on another runtime, {prepared.runtime.name}",
                    help="prepare it on the runtime whose dispatch_batch is called",
                )
        with self.batch():
            for prepared, grid, threads in launches:
                prepared.dispatch(grid, threads)

    def dispatch_facts(self, program: Program, geometry: Geometry, arrays: Sequence[Any]) -> dict[str, Any]:
        """Return what is known of a profiled dispatch besides its time."""
        count = geometry.threads[0] * geometry.threads[1] * geometry.threads[2]
        return {
            "max_threads_per_threadgroup": self.max_threads, "thread_execution_width": launch.SIMDGROUP,
            "threadgroup_occupancy": count / self.max_threads, "static_threadgroup_memory_bytes": program.threadgroup_bytes,
            "shapes": [getattr(array, "shape", ()) for array in arrays],
        }  # fmt: skip

    def specialise(self, program: Program, constants: Mapping[Any, Any] | None) -> Program:
        """Return the program for these function constants. Raises `LaunchError` for values that are wrong or missing."""
        return function_constants.specialised(program, constants)

    def execute(
        self, compiled: Compiled, inputs: Sequence[Any], output_size: int | None = None, grid: Any = None,
        threads: Any = None, *, scalars: Sequence[Any] | Mapping[str, Any] | None = None,
        output_sizes: Sequence[int] | None = None, constants: Mapping[Any, Any] | None = None,
        output_shapes: Sequence[Any] | None = None, output_dtypes: Sequence[Any] | None = None, inout: Sequence[Any] = (),
    ) -> Any:  # fmt: skip
        """Run once with fresh outputs and return them.

        Without `grid`, `threads` and `scalars` they are those of the launch in the compiled `@enigma.jit` function; else it is
        one thread.

        `inputs` fill the buffer slots in order, Scalars left out; the remaining buffers are the outputs, zero at first.
        Give one of: `output_size` (bytes of the single output; returns `bytes`), `output_sizes` (returns a list of `bytes`), or
        `output_shapes` with `output_dtypes` (an array, or a list of several; of MLX for its dtypes). With `inout=` naming
        inputs that the kernel updates in place, there may be no output; then None is returned. `scalars` are in the order of
        the Scalar parameters, or by name. `constants` gives function constants by index or name: a value, or a pair of its
        type and the value.

        Raises `LaunchError` for wrong counts, dtypes, sizes, grid or threads.

        >>> import enigma, numpy as np
        >>> @enigma.kernel
        ... def halves(A: enigma.f32, Out: enigma.f32):
        ...     i = enigma.thread_position_in_grid
        ...     Out[i] = A[i] / 2
        >>> a = np.arange(4, dtype=np.float32)
        >>> raw = enigma.runtime().execute(enigma.compile(halves), [a], 4 * 4, grid=(4, 1, 1), threads=(4, 1, 1))
        >>> np.frombuffer(raw, dtype=np.float32).tolist()
        [0.0, 0.5, 1.0, 1.5]
        """

        if isinstance(compiled, SeveralLaunches):
            given = {"grid": grid, "threads": threads, "scalars": scalars, "constants": constants}
            _refuse_several(compiled, [name for name, value in given.items() if value is not None])
            sizes = [output_size] if output_size is not None else output_sizes
            found = compiled.execute_on(self, inputs, sizes, output_shapes, output_dtypes, inout)
            self.settle()
            return _results(found, output_size, output_shapes)
        grid, threads = _recorded(compiled, grid, threads)

        def prepare(geometry: Geometry | None = None) -> PreparedKernel:
            forms = _output_forms(
                compiled.program, inputs, output_size, output_sizes, output_shapes, output_dtypes, inout
            )
            return self._prepared(compiled, inputs, forms, scalars, constants, inout, geometry)

        with stage("execute_total", "runtime", kernel_name=compiled.program.name):
            try:
                prepared = prepare(launch.geometry(grid, threads, limit=self.max_threads))
            except LaunchError:
                launch.together(lambda: launch.geometry(grid, threads, limit=self.max_threads), prepare)
                raise
            prepared.dispatch(grid, threads)
            with stage("read_output", "memory", kernel_name=compiled.program.name):
                self.settle()
                found = _results(prepared.outputs, output_size, output_shapes)
            with stage("release_resources", "memory", kernel_name=compiled.program.name):
                prepared.release()
            return found

    def prepare(
        self, compiled: Compiled, inputs: Sequence[Any], output_size: int | None = None, *,
        scalars: Sequence[Any] | Mapping[str, Any] | None = None, output_sizes: Sequence[int] | None = None,
        constants: Mapping[Any, Any] | None = None, output_shapes: Sequence[Any] | None = None,
        output_dtypes: Sequence[Any] | None = None, inout: Sequence[Any] = (),
    ) -> PreparedKernel:  # fmt: skip
        """Check and bind everything but the grid, for many dispatches; parameters as in `execute`.

        with rt.prepare(compiled, [a, b], n * 4) as prepared:
            prepared.dispatch((n, 1, 1), (256, 1, 1))
            raw = prepared.read_output()
        """
        if isinstance(compiled, SeveralLaunches):
            raise LaunchError(
                f"{compiled.kernel_name} consists of several launches, and one kernel is prepared at a time",
                help="call execute, or prepare each of compiled.launches",
            )
        forms = _output_forms(compiled.program, inputs, output_size, output_sizes, output_shapes, output_dtypes, inout)
        return self._prepared(compiled, inputs, forms, scalars, constants, inout)

    def make_pipeline(self, program: Program, geometry: Geometry) -> None:
        """Make the device's code for threadgroups of this size; `bind` would otherwise."""

    def _prepared(
        self, compiled: Compiled, inputs: Sequence[Any], forms: Sequence[OutputForm], scalars: Any, constants: Any,
        inout: Sequence[Any], geometry: Geometry | None = None,
    ) -> PreparedKernel:  # fmt: skip
        program = compiled.program
        name = program.name
        if scalars is None:
            scalars = getattr(compiled, "scalars", None)  # of the launch in a jit function
        try:
            slots = launch.outputs(program, len(inputs), len(forms), inout)
            numbers = iter(launch.scalars_in_order(program, scalars))
            with stage("load_library", "metal", kernel_name=name):
                ready = self.specialise(program, constants)
        except LaunchError:
            launch.together(
                lambda: launch.outputs(program, len(inputs), len(forms), inout),
                lambda: launch.scalars_in_order(program, scalars),
                lambda: self.specialise(program, constants),
            )
            raise
        if geometry is not None and recorder() is not None:
            with stage("create_pipeline", "metal", kernel_name=name):
                self.make_pipeline(ready, geometry)
        with stage("create_input_buffers", "memory", kernel_name=name) as made:
            arrays = iter(inputs)
            _note(made, "input_bytes", inputs)
        with stage("create_output_buffers", "memory", kernel_name=name) as made:
            fresh = {slot: zeros(self, form) for slot, form in zip(slots, forms, strict=True)}
            _note(made, "output_bytes", fresh.values())
        arguments = [
            next(numbers) if x.is_scalar else fresh[x.slot] if x.slot in fresh else next(arrays)
            for x in program.arguments
        ]
        moved: list[Packed] = []
        return PreparedKernel(self, ready, launch.bind(program, arguments, None, moved), list(fresh.values()), moved)


def _results(arrays: list[Array], output_size: int | None, output_shapes: Sequence[Any] | None) -> Any:
    """Return outputs in the form that they were asked for."""
    if output_shapes is not None:
        found = [array if (x := foreign.mlx_under(array)) is None else x for array in arrays]
        return found[0] if len(found) == 1 else found
    if output_size is not None:
        return arrays[0].tobytes()
    return [array.tobytes() for array in arrays] or None


def _refuse_several(compiled: SeveralLaunches, given: Sequence[str]) -> None:
    if given:
        raise LaunchError(
            f"{compiled.kernel_name} has several launches with sizes and numbers of their own, but it got {', '.join(given)}",
            help="leave them out, or execute each of compiled.launches",
        )


def _recorded(compiled: Compiled, grid: Any, threads: Any) -> tuple[Any, Any]:
    """Return the launch size that was given, or that a compiled jit function has, or one thread."""
    total = getattr(compiled, "grid", None) if grid is None else grid
    group = getattr(compiled, "block", None) if threads is None else threads
    return (1, 1, 1) if total is None else total, (1, 1, 1) if group is None else group


@dataclass(frozen=True, slots=True)
class OutputForm:
    """The shape and NumPy dtype of an output, which is an array of MLX if its dtype was given as one of MLX."""

    shape: Any
    dtype: Any
    is_mlx: bool = False


def _note(made: Any, name: str, arrays: Iterable[Any]) -> None:
    """Note how many bytes arrays have, where somebody records it."""
    if isinstance(made, Stage):
        made.facts[name] = sum(getattr(array, "nbytes", 0) for array in arrays)


def _output_forms(
    program: Program, inputs: Sequence[Any], output_size: int | None, output_sizes: Sequence[int] | None,
    output_shapes: Sequence[Any] | None, output_dtypes: Sequence[Any] | None, inout: Sequence[Any],
) -> list[OutputForm]:  # fmt: skip
    """Return the form of each output from the three ways to say them."""
    check_inputs(inputs)
    given = len(inputs)
    ways = {"output_size": output_size, "output_sizes": output_sizes, "output_shapes": output_shapes}
    used = [name for name, way in ways.items() if way is not None]
    if len(used) > 1:
        raise LaunchError(f"{' and '.join(used)} were both given", help="say the outputs in one way")
    if output_shapes is not None or output_dtypes is not None:
        if output_shapes is None or output_dtypes is None or not _count(output_shapes) == _count(output_dtypes) >= 0:
            raise LaunchError(
                "output_shapes and output_dtypes must be given together, one of each per output",
                help="for example output_shapes=[(n,)], output_dtypes=[np.float32]",
            )
        return [
            OutputForm(shape, numpy_dtype(dtype), foreign.is_mlx(dtype))
            for shape, dtype in zip(output_shapes, output_dtypes, strict=True)
        ]
    sizes: list[Any] = []
    if output_sizes is not None or output_size is not None:
        sizes = list(output_sizes) if output_sizes is not None else [output_size]
    if not sizes and not inout:
        raise LaunchError(
            f"no output was asked for from kernel {program.name}",
            help="give output_size=, output_sizes=, or output_shapes= with output_dtypes=, or name updated inputs in inout=",
        )
    forms: list[OutputForm] = []
    errors: list[LaunchError] = []
    for k, size in enumerate(sizes):
        if given + k >= len(program.buffers):
            return [OutputForm((), np.uint8)] * len(sizes)  # too many: `outputs` says so
        param = program.buffers[given + k]
        dtype = param.dtype.element if param.padded else param.dtype
        if param.texture is not None:
            errors.append(LaunchError(
                f"the output {param.name} is a texture, whose size is more than a number of bytes",
                help="give output_shapes= and output_dtypes=, for example output_shapes=[(height, width, 4)]",
            ))  # fmt: skip
        elif not isinstance(size, int | np.integer) or size <= 0 or size % dtype.size:
            errors.append(LaunchError(
                f"the output {param.name} cannot have {size!r} bytes: its elements, {dtype.name}, have {dtype.size}",
                help="sizes count bytes: elements times the size of one",
            ))  # fmt: skip
        else:
            forms.append(OutputForm(cast("int", size) // param.dtype.element.size, param.dtype.numpy))
    launch.raise_all(errors)
    return forms


def _count(items: Any) -> int:
    """Return how many items a list has, -1 for what is no list."""
    return len(cast("Sequence[Any]", items)) if isinstance(items, Sequence) and not isinstance(items, str) else -1


def check_inputs(inputs: Sequence[Any]) -> None:
    """Raise `LaunchError` for what is no list of arrays."""
    if isinstance(inputs, np.ndarray) or not hasattr(inputs, "__len__"):
        kind = type(cast("Any", inputs)).__name__
        raise LaunchError(f"inputs must be a list of arrays, but it is a {kind}", help="write [a, b]")


def numpy_dtype(dtype: Any) -> Any:
    """Return the NumPy dtype of an output that is said by dtype. Raises `LaunchError` for what is none."""
    if isinstance(dtype, Numeric):
        return dtype.numpy
    if foreign.is_mlx(dtype):
        return foreign.from_mlx_dtype(dtype).numpy
    try:
        return np.dtype(dtype)
    except TypeError:
        raise LaunchError(f"{dtype!r} in output_dtypes is no dtype", help="pass a NumPy dtype or enigma.f32") from None


def zeros(runtime: Runtime, form: OutputForm) -> Array:
    """Return a new output. Raises `LaunchError` for what is no shape."""
    try:
        shape = np.empty(form.shape, np.dtype([])).shape  # takes no memory: only whether it is a shape
        if form.is_mlx:
            return foreign.new_mlx(shape, by_numpy()[form.dtype])[1]
        return runtime.zeros(form.shape, form.dtype)
    except (TypeError, ValueError):
        raise LaunchError(
            f"{form.shape!r} in output_shapes is no shape", help="a shape is a positive int or a tuple of them"
        ) from None


class PreparedKernel:
    """A kernel bound to its arrays: `dispatch` many times, then `read_output`. Use it in a `with`, or `release` it.

    `outputs` are the output arrays themselves. Arrays given as inputs are read anew at each dispatch. Several threads may
    dispatch it, but they write the same outputs.

        with rt.prepare(compiled, [a, b], n * 4) as prepared:
            prepared.dispatch((n, 1, 1), (256, 1, 1))
            result = prepared.read_output()
    """

    def __init__(
        self, runtime: Runtime, program: Program, arguments: list[Any], outputs: list[Array], moved: Sequence[Packed] = ()
    ) -> None:  # fmt: skip
        self.runtime, self.program, self.outputs = runtime, program, outputs
        self._moved = list(moved)
        self._arguments: list[Any] | None = arguments
        self._tensors = written_tensors(program, arguments)
        # one tuple, so that another thread never sees sizes and function of different launches
        self._ready: tuple[Any, Any, Callable[[], None]] | None = None

    def __repr__(self) -> str:
        return f"<prepared kernel {self.program.name} on {self.runtime.name}{', released' if self._arguments is None else ''}>"

    def _function(self, grid: Any, threads: Any) -> Callable[[], None]:
        if self._tensors:
            pytorch.wrote(self._tensors)
        ready = self._ready
        if self._moved and self._arguments is not None:
            self.runtime.fill(self.program, self._moved)
        if ready is not None and ready[0] == grid and ready[1] == threads:
            return ready[2]
        arguments = self._held()
        geometry = launch.geometry(grid, threads, limit=self.runtime.max_threads)
        run = self.runtime.bind_whole(self.program, arguments, geometry)
        self._ready = (_unchanging(grid), _unchanging(threads), run)
        return run

    def _held(self) -> list[Any]:
        if self._arguments is None:
            raise DeviceError(
                f"kernel {self.program.name} was released and cannot be used any more", help="prepare it again"
            )
        return self._arguments

    def dispatch(self, grid: Any, threads: Any) -> None:
        """Run once and wait. Raises `LaunchError` for a bad grid, `DeviceError` after `release`."""
        run = self._function(grid, threads)
        if recorder() is None:
            run()
        else:
            self._recorded(run, grid, threads)

    def dispatch_timed(self, grid: Any, threads: Any) -> float:
        """Run once and return the time it took on the device, in microseconds."""
        run = self._function(grid, threads)
        if recorder() is None or self.runtime.gathers:
            return self.runtime.timed(run)  # which says that it cannot be part of a batch
        return self._recorded(run, grid, threads) or 0.0

    def _recorded(self, run: Callable[[], None], grid: Any, threads: Any) -> float | None:
        """Run once and record it; return the device's time."""
        geometry = launch.geometry(grid, threads, limit=self.runtime.max_threads)
        inputs, outputs = self._arrays()
        call = "prepared_dispatch"
        return recorded(self.runtime, self.program, run, geometry, call=call, inputs=inputs, outputs=outputs)

    def _arrays(self) -> tuple[list[Any], list[Any]]:
        """Return the arrays that were given, and the outputs."""
        outputs = {id(x) for x in self.outputs}
        return [x for x in self._held() if hasattr(x, "nbytes") and id(x) not in outputs], self.outputs

    def dispatch_async(self, grid: Any, threads: Any) -> Launch:
        """Start one run and go on; outputs are there, and inputs may change, after `wait()` of what is returned."""
        run = self._function(grid, threads)
        if recorder() is None:
            return self.runtime.start(run)
        geometry = launch.geometry(grid, threads, limit=self.runtime.max_threads)
        inputs, outputs = self._arrays()
        return started(self.runtime, self.program, run, geometry, inputs=inputs, outputs=outputs)

    def read_output(self) -> bytes:
        """Return the bytes of the first output. Raises `LaunchError` when there is none, `DeviceError` after `release`."""
        self._held()
        if not self.outputs:
            raise LaunchError(
                f"kernel {self.program.name} was prepared without an output", help="read the inout arrays themselves"
            )
        self.runtime.settle()
        return self.outputs[0].tobytes()

    def set_input(self, index: int, array: Any) -> None:
        """Replace the input at `index` (inputs counted as in `inputs`). Raises `LaunchError` for a bad index or array."""
        arguments = list(self._held())
        count = len(self.program.buffers) - len(self.outputs)
        if not 0 <= index < count:
            raise LaunchError(
                f"kernel {self.program.name} has {count} inputs, so {index} is none of them",
                help="inputs are counted from 0, Scalars left out",
            )
        wanted = self.program.buffers[index]
        place = next(k for k, param in enumerate(self.program.params) if param is wanted)
        arguments[place] = array
        moved: list[Packed] = []
        bound = launch.bind_values(self.program, arguments, None, moved)
        kept = [one for one in self._moved if any(x is one.made for x in bound)]
        self._arguments, self._moved = bound, kept + moved
        self._tensors = written_tensors(self.program, bound)
        self._ready = None

    def release(self) -> None:
        """Let go of the arrays; further use raises `DeviceError`. Releasing twice does nothing."""
        self._arguments, self._ready, self.outputs, self._tensors, self._moved = None, None, [], [], []

    def __enter__(self) -> PreparedKernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def written_tensors(program: Program, bound: Sequence[Any]) -> list[Any]:
    """Return the tensors of PyTorch among the arguments that a kernel writes."""
    if not pytorch.is_loaded():
        return []
    arrays = (array for slot, array in zip(program.slots, bound, strict=True) if slot.written)
    return [tensor for array in arrays if (tensor := pytorch.tensor_under(array)) is not None]


def _unchanging(sizes: Any) -> Any:
    """Return a list as a tuple, for a changed list would still equal itself."""
    return tuple(cast("list[Any]", sizes)) if isinstance(sizes, list) else sizes
