"""`enigma.compare`: one launch on several runtimes, side by side with an oracle; the first difference, and where it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from enigma.debug.close import close, is_number, largest_gap
from enigma.debug.origin import Origin, origin
from enigma.errors import DeviceError, EnigmaError, EnigmaTypeError, EnigmaValueError, LaunchError, OutOfBoundsError
from enigma.markup import GREEN, RED, pre
from enigma.runtime import constants as function_constants
from enigma.runtime import direct, launch
from enigma.runtime.base import Compiled, Runtime
from enigma.runtime.choose import runtime
from enigma.runtime.program import Program
from enigma.runtime.textures import as_textures
from enigma.trace.kernel import KernelDef

Array = np.ndarray[Any, Any]


class ComparisonError(EnigmaError, AssertionError):
    """The outputs of a kernel differ between runtimes, or from an oracle."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one target's buffer differs from the reference: `index` is the first element that does, `count` how many do."""

    target: str
    reference: str
    buffer: str
    index: tuple[int, ...]
    flat: int
    got: Any
    wanted: Any
    count: int
    size: int
    largest: float | int

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return (
            f"{self.buffer}[{place}] is {_text(self.got)} on {self.target}, but {_text(self.wanted)} on {self.reference}: "
            f"{self.count} of {self.size} elements differ, by {_largest(self.largest)} at most"
        ).replace(f"on {ORACLE}", f"by the {ORACLE}")


ORACLE = "oracle"
SIMULATOR = "sim"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `enigma.compare`: `.ok`, `.differences`, `.failures` (targets that raised, with the error), `.origin`.

    Printed, it shows the first difference with the Python lines that made the value. `.outputs[target][buffer]` are the arrays.
    """

    kernel: str
    targets: list[str]
    reference: str
    outputs: dict[str, dict[str, Any]]
    differences: list[Difference]
    failures: dict[str, EnigmaError]
    origin: Origin | str | None
    verdict: str

    @property
    def ok(self) -> bool:
        """Whether every target ran and agrees."""
        return not self.differences and not self.failures

    def raise_if_any(self) -> None:
        """Raise `ComparisonError`, an `AssertionError`, with the whole text if anything differs or failed."""
        __tracebackhide__ = True  # of pytest
        if not self.ok:
            raise ComparisonError(str(self))

    def __str__(self) -> str:
        names = " and ".join(
            [", ".join(self.targets[:-1]), self.targets[-1]] if len(self.targets) > 1 else self.targets
        )
        if self.ok and self.reference != ORACLE and len(self.targets) == 1:
            return f"{self.kernel}: {names} ran, but without an oracle or a second target there was nothing to compare"
        if self.ok:
            against = f" with the {ORACLE}" if self.reference == ORACLE else ""
            return f"{self.kernel}: {names} agree{'s' if len(self.targets) == 1 else ''}{against}"
        against = (
            f", compared with {'the ' if self.reference == ORACLE else ''}{self.reference}" if self.reference else ""
        )
        lines = [f"{self.kernel} on {names}{against}"]
        lines += [f"  {target} failed: {error}" for target, error in self.failures.items()]
        lines += [f"  {difference}" for difference in self.differences]
        if self.origin is not None:
            lines += [f"  {line}" for line in str(self.origin).split("\n")]
        if self.verdict:
            lines.append(f"  help: {self.verdict}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        state = "agrees" if self.ok else f"{len(self.differences)} differences, {len(self.failures)} failures"
        return f"<comparison of {self.kernel}: {state}>"

    def to_json(self) -> str:
        """Return it as JSON: `kernel`, `ok`, `targets`, `reference`, `differences`, `failures`, `origin`, `verdict`."""
        found = [
            {"target": d.target, "reference": d.reference, "buffer": d.buffer, "index": list(d.index), "got": plain(d.got),
             "wanted": plain(d.wanted), "count": d.count, "size": d.size, "largest": plain(d.largest)}
            for d in self.differences
        ]  # fmt: skip
        made: Any = None
        if isinstance(self.origin, Origin):
            made = {**_told(self.origin), "shared": [_told(each) for each in self.origin.shared]}
        elif self.origin is not None:
            made = {"unknown": self.origin}
        failures = {target: str(error) for target, error in self.failures.items()}
        return json.dumps({
            "kernel": self.kernel, "ok": self.ok, "targets": self.targets, "reference": self.reference, "differences": found,
            "failures": failures, "origin": made, "verdict": self.verdict,
        }, indent=2)  # fmt: skip

    def _repr_html_(self) -> str:
        return pre(str(self), GREEN if self.ok else RED)


def _told(found: Origin) -> dict[str, Any]:
    steps = [
        {"file": step.loc.file, "line": step.loc.line, "text": step.text, "value": plain(step.value)}
        for step in found.steps
    ]
    return {
        "buffer": found.buffer, "index": found.index, "thread": found.thread, "threadgroup": found.threadgroup, "steps": steps,
    }  # fmt: skip


def _largest(value: float) -> str:
    return str(value) if isinstance(value, int) and abs(value) < 10**6 else f"{value:.3g}"


def _text(value: Any) -> str:
    return f"{float(value):.9g}" if np.asarray(value).dtype.kind not in "biu" else str(value)


def plain(value: Any) -> Any:
    """Return a number as JSON can hold it; what is not finite as text."""
    if isinstance(value, tuple):
        return [plain(each) for each in cast("tuple[Any, ...]", value)]
    if value is None or isinstance(value, bool | int):
        return value
    if np.asarray(value).dtype.kind in "biu":
        return np.asarray(value).item()
    number = float(value)
    return number if math.isfinite(number) else str(number)


def compare(
    kernel: Any, args: Sequence[Any], *, grid: Any, threads: Any = None, targets: Sequence[str] | str = ("sim", "cpu"),
    oracle: Callable[..., Any] | None = None, constants: Mapping[Any, Any] | None = None, rtol: float | None = None,
    atol: float | None = None,
) -> Comparison:  # fmt: skip
    """Run a kernel on several runtimes and compare what they write, with one another and with an oracle.

    `args` are all parameters in order, `grid`, `threads` and `constants` as in `kernel.launch`; nothing of `args` is changed.
    `targets` are names of runtimes. `oracle` gets copies of the arguments and returns what the written buffers must hold: an
    array for one, a tuple for several, a dict by name, or None where it has changed its copies. Without one the first target
    is what the others are compared with.

    Integers must be equal if no tolerance is given, floats within `atol + rtol * |wanted|`; the defaults are 1e-5 and 1e-6 for
    f32, 5e-3 and 1e-3 for f16, 4e-2 and 1e-2 for bf16. NaN equals NaN, and an infinity itself only.

    Raises `LaunchError` for arguments that do not fit, `DeviceError` for a target that is not there, `EnigmaValueError` for an
    oracle's result that fits no output. A kernel that fails while it runs is told by `.failures`; after one that leaves its memory
    in the simulator, the other targets are not run.

    >>> import enigma, numpy as np
    >>> @enigma.kernel
    ... def halves(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] / 2
    >>> a, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    >>> print(enigma.compare(halves, [a, out], grid=64, oracle=lambda a, out: a / 2))
    halves: sim and cpu agree with the oracle
    """
    program, arguments, given = _prepared(kernel, args, constants)
    targets = (targets,) if isinstance(targets, str) else targets
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value is not None and not value >= 0:
            raise EnigmaValueError(
                f"{name} is {value}, but it must be at least 0", help=f"write {name}=1e-4, or leave it out"
            )
    if not targets:
        raise EnigmaValueError("compare has no targets", help='name some: targets=("sim", "cpu")')
    machines = [(name, runtime(name)) for name in dict.fromkeys(targets)]
    written = [x.name for x in program.arguments if x.slot in program.written and not x.is_scalar]
    outputs: dict[str, dict[str, Any]] = {}
    if oracle is not None:
        outputs[ORACLE] = _expected(oracle, program, arguments, written)
    failures = _run(machines, program, arguments, (grid, threads, given), written, outputs)
    ran = [name for name, _ in machines if name in outputs]
    reference = ORACLE if oracle is not None else next(iter(ran), "")
    differences = [
        found
        for name in ran
        if name != reference
        for buffer in written
        if (found := _difference(outputs, name, reference, buffer, rtol, atol)) is not None
    ]
    source = _origin(program, arguments, grid, threads, given, differences)
    verdict = _verdict(differences, failures, [name for name, _ in machines], reference)
    return Comparison(
        program.name, [name for name, _ in machines], reference, outputs, differences, failures, source, verdict
    )


def _run(
    machines: Sequence[tuple[str, Runtime]], program: Program, arguments: Sequence[Any], how: tuple[Any, Any, Any],
    written: Sequence[str], outputs: dict[str, dict[str, Any]],
) -> dict[str, EnigmaError]:  # fmt: skip
    """Run a launch on copies, on the simulator first; add what was written to `outputs`, and return what failed."""
    failures: dict[str, EnigmaError] = {}
    outside = ""
    for name, machine in sorted(machines, key=lambda each: each[0] != SIMULATOR):
        if outside:  # what leaves its memory on a processor ends the process, or worse
            failures[name] = DeviceError(f"not run: {outside}")
            continue
        copies = [_copy(value) for value in arguments]
        try:
            machine.run(program, copies, *how)
        except LaunchError:
            raise
        except EnigmaError as error:
            failures[name] = error
            outside = (
                "the simulator found that the kernel leaves its memory" if isinstance(error, OutOfBoundsError) else ""
            )
            continue
        outputs[name] = {x.name: copies[x.slot] for x in program.arguments if x.name in written}
    return failures


def _prepared(kernel: Any, args: Sequence[Any], constants: Mapping[Any, Any] | None) -> tuple[Program, list[Any], Any]:
    """Return the program, its arguments in slot order and the values of function constants."""
    if isinstance(kernel, KernelDef):
        program, arguments, given = direct.prepared(kernel, tuple(args), {}, constants)
        return program, list(arguments), given
    program = getattr(cast(Compiled, kernel), "program", None)
    if not isinstance(program, Program):
        raise EnigmaTypeError(
            f"compare takes a kernel, but it got {kernel!r}", help="decorate the function with @enigma.kernel"
        )
    return program, list(args), constants


def _copy(value: Any) -> Any:
    return value.copy() if hasattr(value, "copy") and hasattr(value, "dtype") else value


def _expected(
    oracle: Callable[..., Any], program: Program, arguments: Sequence[Any], written: Sequence[str]
) -> dict[str, Any]:
    """Return the oracle's arrays by buffer. Raises `EnigmaValueError` for a result that fits no output."""
    if not callable(oracle):
        raise EnigmaTypeError(
            f"oracle is a {type(oracle).__name__}, but it must be a function", help="write oracle=lambda x, out: 2 * x"
        )
    copies = [_copy(value) for value in arguments]
    given = {x.name: copies[x.slot] for x in program.arguments}
    made = oracle(*copies)
    if made is None:
        found = {name: given[name] for name in written}
    elif isinstance(made, Mapping):
        found = dict(cast("Mapping[str, Any]", made))
    else:
        listed = list(cast("Sequence[Any]", made)) if isinstance(made, tuple | list) else [made]
        if len(listed) != len(written):
            raise EnigmaValueError(
                f"the oracle returned {len(listed)} arrays, but {program.name} writes {len(written)}: {', '.join(written)}",
                help="return one for each in this order, or a dict by name",
            )
        found = dict(zip(written, listed, strict=True))
    if not found:
        raise EnigmaValueError(
            "the oracle returned an empty dict, so there is nothing to compare",
            help=f"{program.name} writes {', '.join(written)}",
        )
    return {name: _fitting(name, value, given, program.name, written) for name, value in found.items()}


def _fitting(name: str, value: Any, given: Mapping[str, Any], kernel: str, written: Sequence[str]) -> Array:
    """Return what an oracle gives for a buffer in the buffer's shape. Raises `EnigmaValueError` where it does not fit."""
    if name not in written:
        why = f"{kernel} does not write it" if name in given else f"{kernel} has no such buffer"
        raise EnigmaValueError(f"the oracle returned {name}, but {why}", help=f"{kernel} writes {', '.join(written)}")
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if not is_number(array):
        raise EnigmaValueError(
            f"the oracle returned {array.dtype} for {name}, but it must be real numbers",
            help="return a NumPy array of numbers",
        )
    shape = np.shape(given[name])
    plain = tuple(n for n in array.shape if n != 1), tuple(n for n in shape if n != 1)
    if array.size != np.size(given[name]) or (plain[0] != plain[1] and min(map(len, plain)) > 1):
        raise EnigmaValueError(
            f"the oracle returned {name} of shape {array.shape}, but the buffer's is {shape}",
            help="return it in the shape of the buffer, or flat",
        )
    return array.reshape(shape)


def _difference(
    outputs: Mapping[str, Mapping[str, Any]],
    target: str,
    reference: str,
    buffer: str,
    rtol: float | None,
    atol: float | None,
) -> Difference | None:
    if buffer not in outputs[reference]:
        return None
    got = np.asarray(outputs[target][buffer])
    wanted = np.asarray(outputs[reference][buffer])
    wrong = ~close(got, wanted, rtol, atol)
    count = int(wrong.sum())
    if not count:
        return None
    flat = int(np.flatnonzero(wrong)[0])
    index = tuple(int(i) for i in np.unravel_index(flat, got.shape))
    largest = largest_gap(got[wrong], wanted[wrong])
    return Difference(target, reference, buffer, index, flat, got[index], wanted[index], count, got.size, largest)


def _origin(
    program: Program, arguments: Sequence[Any], grid: Any, threads: Any, given: Any, differences: Sequence[Difference]
) -> Origin | str | None:
    """Return where the first differing element comes from, as the simulator computes it."""
    if not differences:
        return None
    first = differences[0]
    param = next(x for x in program.arguments if x.name == first.buffer)
    if param.texture is not None or program.has_padding:
        return None
    geometry = launch.geometry(grid, threads)
    ready = function_constants.specialised(program, given)

    def fresh() -> list[Any]:
        given = as_textures(ready.params, launch.bind(program, [_copy(value) for value in arguments]))
        return [cast(Array, x).reshape(-1) if isinstance(x, np.ndarray) else x for x in given]

    parts = param.params[0].dtype.parts
    return origin(ready.traced, fresh, geometry.grid, geometry.threads, first.buffer, first.flat // parts)


def _verdict(
    differences: Sequence[Difference], failures: Mapping[str, EnigmaError], targets: Sequence[str], reference: str
) -> str:
    wrong = {difference.target for difference in differences}
    if not wrong:
        return ""
    if reference == ORACLE and wrong | set(failures) >= set(targets):
        return "all targets are wrong, so the kernel is, or the oracle: follow the values above from the last line up"
    if SIMULATOR in targets and SIMULATOR not in wrong and SIMULATOR not in failures:
        return (
            "the simulator is right and others are not: threads race, or something that Metal leaves undefined; "
            "enigma.check(kernel, ...) tells which"
        )
    return "the targets disagree: run enigma.check(kernel, ...) for races and undefined behaviour"
