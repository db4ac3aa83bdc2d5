"""What a kernel's body sees of a texture: an object with the methods that the rows of its kind give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from enigma.dtypes import Numeric, TextureType, Vector, bf16, i64, u32, u64
from enigma.errors import EnigmaAttributeError, EnigmaTypeError, EnigmaValueError, InternalError
from enigma.source import SourceLoc, caller
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import by_texture
from enigma.spec.terms import SamplerCoord, Term, Vec
from enigma.trace.given import describe, literal, plural
from enigma.trace.value import Handle, TracedValue, active

NORMALIZED = "normalized"
"""The keyword that says whether coordinates count textures or texels: a Python bool."""


class Texture(Handle):
    """A texture in a kernel: `T.read(x, y)` reads a texel, `T.write(value, x, y)` sets it, `T.sample(u, v)` reads between texels.

    Coordinates are numbers, or one vector of them. Which methods there are depends on the kind: a 3-D texture has `depth()`, an
    array `array_size()`, and `read(x, y, layer)`.
    """

    __slots__ = ()

    @property
    def texture_type(self) -> TextureType:
        """What it holds, its kind, and what may be done with it."""
        if not isinstance(self.type, TextureType):
            raise InternalError(f"{self.name} is no texture", loc=caller())
        return self.type

    @property
    def dtype(self) -> Numeric:
        """The dtype of a component of its texels."""
        return self.texture_type.element

    def __repr__(self) -> str:
        return f"<{self.name}: {self.type}>"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return self is other

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return self is not other

    def __getattr__(self, name: str) -> Any:
        kind = self.texture_type.kind
        row = by_texture().get((name, kind))
        if row is not None:
            return _Method(self, row)
        methods = sorted(method for method, known in by_texture() if known is kind)
        raise EnigmaAttributeError(
            f"{self.name} is a {kind.title}, which has no {name}",
            loc=caller(),
            help=f"it has {', '.join(methods)}, and dtype",
        )

    def __getitem__(self, index: Any) -> Any:
        raise EnigmaTypeError(
            f"{self.name} is a {self.texture_type.kind.title}, which is not indexed", loc=caller(),
            help=f"read a texel: {self.name}.read({', '.join(_names(self._row('read')))})",
        )  # fmt: skip

    def __setitem__(self, index: Any, value: Any) -> None:
        raise EnigmaTypeError(
            f"{self.name} is a {self.texture_type.kind.title}, which is not indexed", loc=caller(),
            help=f"set a texel: {self.name}.write(value, {', '.join(_names(self._row('write')))})",
        )  # fmt: skip

    def __iter__(self) -> Any:
        raise EnigmaTypeError(
            f"{self.name} is a {self.texture_type.kind.title}, which cannot be iterated over", loc=caller(),
            help="loop over coordinates, up to its width and height",
        )  # fmt: skip

    def _row(self, method: str) -> Intrinsic:
        return by_texture()[method, self.texture_type.kind]


class _Method:
    """A method of one texture: called, it records the operation of its row."""

    def __init__(self, texture: Texture, row: Intrinsic) -> None:
        self.texture, self.row = texture, row
        self.__name__, self.__doc__ = row.method, row.doc

    def __repr__(self) -> str:
        return f"<{self.row.method} of {self.texture!r}>"

    def __call__(self, *args: Any, **options: Any) -> Any:
        loc, row = caller(), self.row
        first, *operands = row.operands
        values = [name for name in operands if not _is_place(row.operands[name])]
        places = {name: row.operands[name] for name in operands if name not in values}
        given = list(args)
        for name in values:
            if name in options:
                given.insert(values.index(name), options.pop(name))
        if len(given) < len(values):
            raise self._count(0, loc)
        arguments = {first: self.texture, **dict(zip(values, given, strict=False))}
        arguments |= self._placed(places, given[len(values) :], loc)
        return active().apply(row, arguments | self._options(options, loc), loc)

    def _options(self, options: Mapping[str, Any], loc: SourceLoc) -> dict[str, Any]:
        """Return the compile-time arguments by the names that the row gives them."""
        found: dict[str, Any] = {}
        for name, value in options.items():
            key = next((key for key, term in self.row.attributes.items() if _public(key, term) == name), None)
            if key is None:
                known = [_public(key, term) for key, term in self.row.attributes.items()]
                raise EnigmaTypeError(
                    f"{self.row.method} has no option {name}", loc=loc,
                    help=f"it takes {', '.join(f'{one}=' for one in known)}" if known else "write the coordinates only, in order",
                )  # fmt: skip
            if name == NORMALIZED:
                if not isinstance(value, bool):
                    raise EnigmaTypeError(
                        f"{self.row.method}: normalized must be True or False, but it is {describe(value)}", loc=loc,
                        help="True: 0 to 1 across the texture; False: counted in texels",
                    )  # fmt: skip
                value = SamplerCoord.NORMALIZED if value else SamplerCoord.PIXEL
            found[key] = value
        return found

    # ---- where

    def _placed(self, places: Mapping[str, Term], given: Sequence[Any], loc: SourceLoc) -> dict[str, Any]:
        """Return the coordinates as the row takes them: one number or vector for each of its operands."""
        wanted = [(name, _dtype(term)) for name, term in places.items() for _ in range(_count(term))]
        whole = self._whole(places, given, loc)
        if whole is not None:
            return whole
        numbers: list[Any] = []
        for value in given:
            is_vector = isinstance(value, TracedValue) and isinstance(value.type, Vector)
            numbers += active().components(value, loc) if is_vector else [value]
        if len(numbers) != len(wanted):
            raise self._count(len(numbers), loc)
        labels = _names(self.row)
        made = [
            self._coordinate(label, value, dtype, loc)
            for label, value, (_, dtype) in zip(labels, numbers, wanted, strict=True)
        ]
        found: dict[str, Any] = {}
        for name, term in places.items():
            count = _count(term)
            found[name] = active().made(made[:count], loc)
            del made[:count]
        return found

    def _whole(self, places: Mapping[str, Term], given: Sequence[Any], loc: SourceLoc) -> dict[str, Any] | None:
        """Return coordinates that are given as one vector, which needs not be taken apart; None for all others."""
        vector = given[0] if given else None
        if len(given) != len(places) or not isinstance(vector, TracedValue) or not isinstance(vector.type, Vector):
            return None
        (name, term), *others = places.items()
        if vector.type.lanes != _count(term):
            return None
        self._check(vector.name or "the coordinate", vector, _dtype(term), loc)
        found: dict[str, Any] = {name: active().convert(vector, _dtype(term), loc)}
        for value, (other, kind) in zip(given[1:], others, strict=True):
            found[other] = self._coordinate(other, value, _dtype(kind), loc)
        return found

    def _coordinate(self, label: str, value: Any, dtype: Numeric, loc: SourceLoc) -> Any:
        number = literal(value)
        if number is None:
            self._check(label, value, dtype, loc)
            return active().convert(value, dtype, loc)
        if isinstance(number, bool) or (dtype is u32 and isinstance(number, float)):
            raise EnigmaTypeError(
                f"{self.row.method}: {label} must be {_wanted(dtype)}, but it is the literal {value!r}", loc=loc,
                help="write a number, or a traced value" if dtype.is_float else "write a whole number, or a traced integer",
            )  # fmt: skip
        if dtype is u32 and not 0 <= number <= dtype.max:
            raise EnigmaValueError(
                f"{self.row.method}: {label} is {number}, but texels are counted from 0", loc=loc,
                help="test it in Python, or read with a traced coordinate, which gives 0 outside of the texture",
            )  # fmt: skip
        return active().constant(float(number) if dtype.is_float else number, dtype, loc)

    def _check(self, label: str, value: Any, dtype: Numeric, loc: SourceLoc) -> None:
        """Refuse a coordinate that would have to be rounded or cut to become one of `dtype`."""
        own = value.type.element if isinstance(value, TracedValue) and isinstance(value.type, Numeric) else None
        fits = own is not None and (own.is_float if dtype.is_float else own.is_integer and own not in (i64, u64))
        if not fits or own is bf16:
            shown = value.name if isinstance(value, TracedValue) and value.name else "x"
            raise EnigmaTypeError(
                f"{self.row.method}: {label} must be {_wanted(dtype)}, but it is {describe(value)}", loc=loc,
                help=f"convert it: {shown}.to(enigma.{dtype.name})" if own is not None else "pass a number or a traced value",
            )  # fmt: skip

    def _count(self, found: int, loc: SourceLoc) -> EnigmaTypeError:
        labels, title = _names(self.row), self.texture.texture_type.kind.title
        values = [name for name, term in list(self.row.operands.items())[1:] if not _is_place(term)]
        return EnigmaTypeError(
            f"{self.row.method} of a {title} takes {plural(len(labels), 'coordinate')}, but it got {found}", loc=loc,
            help=f"write {self.texture.name}.{self.row.method}({', '.join([*values, *labels])})",
        )  # fmt: skip


def spoken(row: Intrinsic) -> str:
    """Return how a kernel calls a method of a texture: `T.write(value, x, y)`."""
    values = [name for name, term in list(row.operands.items())[1:] if not _is_place(term)]
    options: list[str] = []
    for key, term in row.attributes.items():
        value = getattr(row.defaults[key], "value", row.defaults[key])
        shown = str(value == SamplerCoord.NORMALIZED.value) if _public(key, term) == NORMALIZED else f'"{value}"'
        options.append(f"{_public(key, term)}={shown}")
    return f"T.{row.method}({', '.join([*values, *_names(row), *options])})"


def _public(key: str, term: Term) -> str:
    """Return the keyword of a compile-time argument."""
    return NORMALIZED if getattr(term, "enum", None) is SamplerCoord else key


def _is_place(term: Term) -> bool:
    """Return whether an operand says where in the texture: its dtype is fixed, that of a value is the texture's."""
    return isinstance(term, Numeric) or (isinstance(term, Vec) and isinstance(term.element, Numeric))


def _count(term: Term) -> int:
    return term.lanes if isinstance(term, Vec) and isinstance(term.lanes, int) else 1


def _dtype(term: Term) -> Numeric:
    match term:
        case Vec(element=Numeric() as dtype) | (Numeric() as dtype):
            return dtype
        case _:
            raise InternalError(f"{term!r} is no coordinate")


def _names(row: Intrinsic) -> list[str]:
    """Return what the coordinates of a row are called: x, y, z for texels, u, v, w for places between them, and the layer."""
    found: list[str] = []
    for name, term in row.operands.items():
        if _is_place(term):
            count = _count(term)
            letters = "uvw" if _dtype(term).is_float else "xyz"
            found += letters[:count] if not found else [name]
    return found


def _wanted(dtype: Numeric) -> str:
    return "f32 or f16" if dtype.is_float else "an integer of at most 32 bits"
