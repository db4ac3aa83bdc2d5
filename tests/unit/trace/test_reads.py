"""Where a kernel may find Python values: each is changed in place, and the next trace computes with the new one."""

from __future__ import annotations

import argparse
import array
import collections
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.trace.reads import fingerprint


class Base:
    weight = 1.0


class Filter(Base):
    bias = 2.0

    @property
    def total(self) -> float:
        return self.bias + self.weight

    @classmethod
    def of_class(cls) -> float:
        return cls.bias

    def __call__(self, x: Any) -> Any:
        return x * self.bias

    def __getitem__(self, k: int) -> float:
        return HIDDEN["of getitem"] + k


@dataclass
class Options:
    taps: list[float] = field(default_factory=lambda: [1.0, 2.0])
    inner: Any = None


class Item:
    def __init__(self, value: float) -> None:
        self.value = value


class Pair(tuple[float, ...]):
    extra = 1.0


HIDDEN = {"of getitem": 1.0}


def scaled(x: Any, by: Any = (1.0,)) -> Any:
    return x * by[0]


def _state() -> SimpleNamespace:
    module = ModuleType("outside")
    module.sub = ModuleType("outside.sub")  # type: ignore[attr-defined]
    module.sub.value = 1.0  # type: ignore[attr-defined]
    return SimpleNamespace(
        large=np.zeros(1 << 18, np.float32), options=Options(inner=Options()), filter=Filter(), items=[Item(1.0)],
        partial=functools.partial(scaled, by=[2.0]), deque=collections.deque([1.0]), set={1.0}, module=module,
        bytes=bytearray(b"a"), array=array.array("f", [1.0]), namespace=argparse.Namespace(n=1.0), pair=Pair((1.0,)),
        nested={"a": [(0, np.zeros(2))]},
    )  # fmt: skip


def _rebound(s: SimpleNamespace) -> None:
    s.options.inner = Options([9.0])


def _overridden(s: SimpleNamespace) -> None:
    s.filter.bias = 5.0


READS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[SimpleNamespace], Any]]] = {
    "an array too large to copy": (lambda s, x: s.large[3], lambda s: s.large.__setitem__(3, 7.0)),
    "a list of an object": (lambda s, x: s.options.taps[1], lambda s: s.options.taps.__setitem__(1, 7.0)),
    "a list of an object's object": (lambda s, x: s.options.inner.taps[0], lambda s: s.options.inner.taps.clear() or _rebound(s)),
    "an object of an object": (lambda s, x: s.options.inner.taps[0], _rebound),
    "an object in a list": (lambda s, x: sum(item.value for item in s.items), lambda s: setattr(s.items[0], "value", 7.0)),
    "an attribute that hides the class's": (lambda s, x: s.filter.bias, _overridden),
    "an attribute read by a property": (lambda s, x: s.filter.total, _overridden),
    "an attribute read by a call": (lambda s, x: s.filter(x), _overridden),
    "what a special method reads": (lambda s, x: s.filter[0], lambda s: HIDDEN.__setitem__("of getitem", HIDDEN["of getitem"] + 1)),
    "a partial's argument": (lambda s, x: s.partial(x), lambda s: s.partial.keywords["by"].__setitem__(0, 7.0)),
    "a deque": (lambda s, x: s.deque[0], lambda s: s.deque.append(s.deque.popleft() + 1)),
    "a set": (lambda s, x: len(s.set), lambda s: s.set.add(7.0)),
    "a module's module": (lambda s, x: s.module.sub.value, lambda s: setattr(s.module.sub, "value", 7.0)),
    "a bytearray": (lambda s, x: s.bytes[0], lambda s: s.bytes.__setitem__(0, 7)),
    "an array of Python's": (lambda s, x: s.array[0], lambda s: s.array.__setitem__(0, 7.0)),
    "a namespace of argparse": (lambda s, x: s.namespace.n, lambda s: setattr(s.namespace, "n", 7.0)),
    "an attribute of a tuple's class": (lambda s, x: s.pair.extra, lambda s: setattr(s.pair, "extra", 7.0)),
    "an array deep inside": (lambda s, x: s.nested["a"][0][1][0], lambda s: s.nested["a"][0][1].__setitem__(0, 7.0)),
}  # fmt: skip


@pytest.mark.parametrize("what", READS)
def test_a_value_changed_in_place_is_read_again(what: str) -> None:
    read, change = READS[what]
    state = _state()

    @en.kernel
    def kernel(A: en.f32):
        A[0] = read(state, A[1])

    before = kernel.trace()
    assert kernel.trace() is before
    change(state)
    assert kernel.trace() is not before, "the change was not seen"


def test_a_class_attribute_that_is_inherited_or_read_by_a_class_method(monkeypatch: pytest.MonkeyPatch) -> None:
    @en.kernel
    def kernel(A: en.f32):
        A[0] = Filter.weight + Filter.of_class()

    traces = [kernel.trace()]
    for cls, name in ((Base, "weight"), (Filter, "weight"), (Filter, "bias")):
        monkeypatch.setattr(cls, name, 7.0, raising=False)
        traces.append(kernel.trace())
    assert len({id(trace) for trace in traces}) == len(traces)


def test_a_global_that_hides_a_builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    @en.kernel
    def kernel(A: en.f32):
        A[0] = abs(A[0])

    before = kernel.trace()
    monkeypatch.setitem(globals(), "abs", lambda x: 3.0)
    assert kernel.trace() is not before


def test_what_the_methods_of_a_struct_and_constexpr_functions_read(monkeypatch: pytest.MonkeyPatch) -> None:
    held = [1.0]

    @dataclass
    class Params:
        n: en.f32

        def scaled(self) -> Any:
            return self.n * held[0]

    def kernel(A: Any, p: Any, f: Any) -> None:
        A[0] = p.scaled() + f()

    kernel.__annotations__ = {"A": en.f32, "p": Params, "f": en.constexpr}
    other = [1.0]
    function = functools.partial(lambda: other[0])
    made: Any = en.kernel(kernel)
    traces = [made.trace({"f": function})]
    for change in (held, other):
        change[0] = 7.0
        traces.append(made.trace({"f": function}))
    monkeypatch.setattr(Params, "scaled", lambda self: self.n)
    traces.append(made.trace({"f": function}))
    assert len({id(trace) for trace in traces}) == len(traces)


def test_installed_packages_are_named_but_not_followed() -> None:
    def reader(A: Any) -> None:
        A[0] = float(pytest.approx(1.0).expected) + np.pi

    watched = fingerprint([reader]).variables
    names = {name for scope, name, _ in watched if scope is reader.__globals__}
    assert {"pytest", "np"} <= names
    assert len(watched) < 20  # what a package reaches has no end
