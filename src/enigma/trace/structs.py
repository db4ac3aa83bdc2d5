"""Structs as parameters: a dataclass whose fields are numbers, passed by value as one argument."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

from enigma.dtypes import DTYPES, Numeric
from enigma.errors import EnigmaError, EnigmaTypeError
from enigma.source import SourceLoc, caller
from enigma.trace.node import Member, Struct

Resolve = Callable[[str, Any, Mapping[str, Any]], Any]
"""How an annotation of a field is evaluated: its name, the annotation, and the names of the class's module."""


class EnigmaAttributeError(EnigmaError, AttributeError):
    """A field that a struct does not have."""


def is_struct(annotation: Any) -> bool:
    """Return whether a parameter's annotation is a dataclass."""
    return isinstance(annotation, type) and dataclasses.is_dataclass(cast("type[Any]", annotation))


def struct_of(cls: type[Any], name: str, loc: SourceLoc, dtype_of: Callable[[Any], Any], evaluate: Resolve) -> Struct:
    """Return the struct that a parameter `name` annotated with a dataclass is.

    `dtype_of` gives the dtype that an annotation names, or None. Raises `EnigmaTypeError` at the parameter for a field that
    is no number, and for a class without fields.
    """
    fields = dataclasses.fields(cls)
    if not fields:
        raise EnigmaTypeError(
            f"parameter {name} is a {cls.__name__}, which has no fields", loc=loc,
            help="give it a field, for example n: enigma.Scalar[enigma.u32], or leave the parameter out",
        )  # fmt: skip
    module = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    members: list[Member] = []
    for field in fields:
        what = f"{cls.__name__}.{field.name}"
        annotation = evaluate(what, field.type, module)
        if is_struct(annotation):
            raise EnigmaTypeError(
                f"{what} is a struct itself ({annotation.__name__}), and a parameter's fields are numbers", loc=loc,
                help=f"put its fields into {cls.__name__}, or make it a parameter of its own",
            )  # fmt: skip
        dtype = dtype_of(annotation)
        if not isinstance(dtype, Numeric) or dtype not in DTYPES:
            shown = annotation.__name__ if isinstance(annotation, type) else repr(annotation)
            raise EnigmaTypeError(
                f"{what} is annotated {shown}, but a parameter's fields are numbers", loc=loc,
                help=f"write {field.name}: enigma.Scalar[enigma.f32]",
            )  # fmt: skip
        members.append(Member(field.name, dtype))
    return Struct(cls.__name__, cls, tuple(members))


def instance(struct: Struct, name: str, values: Mapping[str, Any]) -> Any:
    """Return what a kernel sees of a struct: an object of its class, with its methods, whose fields are traced values."""

    def refuse(_self: Any, field: str, _value: Any) -> NoReturn:
        raise EnigmaTypeError(
            f"{name}.{field} cannot be set: a parameter passed by value is read-only", loc=caller(),
            help=f"use a variable: {field} = {name}.{field}",
        )  # fmt: skip

    def lacks(_self: Any, field: str) -> NoReturn:
        known = ", ".join(member.name for member in struct.members)
        raise EnigmaAttributeError(
            f"{name} has no field {field}", loc=caller(), help=f"the fields of {struct.name} are {known}"
        )

    # the name of our module makes it opaque to what tracks changes of the program's objects
    members = {"__module__": __name__, "__doc__": struct.cls.__doc__, "__setattr__": refuse, "__getattr__": lacks}
    own = type(struct.name, (struct.cls,), members)
    made = object.__new__(own)
    for field, value in values.items():
        object.__setattr__(made, field, value)
    return made
