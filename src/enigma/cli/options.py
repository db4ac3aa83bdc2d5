"""Options that several commands have: values of constexpr parameters, arguments of a kernel, its launch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from enigma.trace.kernel import KernelDef

F = TypeVar("F", bound=Callable[..., Any])

kernel_argument = click.argument("kernel", metavar="FILE.py[:KERNEL]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

defines_option = click.option(
    "-D", "--define", "defines", metavar="NAME=VALUE", multiple=True,
    help="Value of a constexpr parameter or of a function constant.",
)  # fmt: skip

_DEVICES = ("cpu", "sim", "metal")

_LAUNCH = (
    click.option("--grid", metavar="X[,Y[,Z]]", help="Threads per axis in all; default: --size."),
    click.option("--threads", metavar="X[,Y[,Z]]", help="Threads of a threadgroup; default: as the launch chooses."),
    click.option("--size", type=click.IntRange(1), default=1024, show_default=True, help="Elements of a buffer not given."),
    click.option(
        "--arg", "given", metavar="NAME=VALUE", multiple=True,
        help="A number, zeros(N), ones(N), arange(N), random(N), full(N, X) or a file.npy; N may be a shape: random((8, 4)).",
    ),
    click.option("--inputs", metavar="FUNCTION", help="Take arguments from this function of the file: a dict by name."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random numbers."),
    defines_option,
)  # fmt: skip


def launch_options(function: F) -> F:
    """Add the options that say what a kernel is run on."""
    for option in reversed(_LAUNCH):
        function = option(function)
    return function


def device_option(default: str | None = None) -> Callable[[F], F]:
    """Return the option that chooses the runtime."""
    return click.option(
        "--device", type=click.Choice(_DEVICES), default=default, show_default=default is not None,
        help="Where to run." if default else "Where to run; default: ENIGMA_DEVICE, else the best here.",
    )  # fmt: skip


def targets_option(help: str) -> Callable[[F], F]:
    """Return the option that names several runtimes: their names, each once."""
    return click.option("--targets", default="sim,cpu", show_default=True, callback=_named, help=help)


def _named(ctx: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in _DEVICES:
            raise click.BadParameter(f"there is no device {name!r}: name some of {', '.join(_DEVICES)}")
    return names


def rounds_option(default: int) -> Callable[[F], F]:
    """Return the option that says when a loop is taken for endless."""
    return click.option(
        "--max-rounds", type=click.IntRange(1), default=default, show_default=True,
        help="Rounds of a loop after which it is taken for endless.",
    )  # fmt: skip


def definitions(defines: Sequence[str]) -> dict[str, Any]:
    """Return the values of `--define`. Raises `click.BadParameter`."""
    return dict(_define(text) for text in defines)


def function_constants(kernel: KernelDef, constants: dict[str, Any]) -> dict[str, Any]:
    """Take what names no parameter of a kernel out of `constants`: those are its function constants."""
    names = {parameter.name for parameter in kernel.parameters}
    return {name: constants.pop(name) for name in list(constants) if name not in names}


def _define(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--define")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise click.BadParameter(f"{value!r} is no Python number or string", param_hint="--define") from error


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def sizes(text: str | None, option: str) -> tuple[int, ...] | None:
    """Return `64,32` as numbers. Raises `click.BadParameter`."""
    if text is None:
        return None
    parts = text.replace("x", ",").split(",")
    if not 1 <= len(parts) <= 3 or not all(_is_number(part.strip()) for part in parts):
        raise click.BadParameter(
            f"{text!r} is no size: write one to three numbers, such as 256 or 16,16", param_hint=option
        )
    return tuple(int(part) for part in parts)
