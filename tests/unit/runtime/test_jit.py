"""IR text to callable code: results against plain Python, and what is said about text that LLVM refuses."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor

import pytest

from enigma.errors import DeviceError, InternalError
from enigma.runtime.native import host as host_module
from enigma.runtime.native import jit
from enigma.runtime.native.host import describe, host

ADD = """define i64 @add(i64 %a, i64 %b) {
  %slot = alloca i64
  store i64 %a, ptr %slot
  %x = load i64, ptr %slot
  %s = add i64 %x, %b
  ret i64 %s
}
"""
BINARY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


@pytest.mark.parametrize("opt", [0, 1, 2, 3])
def test_every_level_computes_the_same(opt: int) -> None:
    loaded = jit.load([jit.compile_object(ADD, opt=opt)], ["add"])
    assert BINARY(loaded.address("add"))(40, 2) == 42


def test_unknown_level_is_refused() -> None:
    with pytest.raises(InternalError, match=r"no optimisation level 7 \(there are 0, 1, 2, 3\)"):
        jit.compile_object(ADD, opt=7)


def test_usual_level_promotes_memory_to_registers() -> None:
    assert "alloca" in jit.optimized_text(ADD, opt=0)
    assert "alloca" not in jit.optimized_text(ADD)


def test_assembly_names_the_function() -> None:
    assert "add:" in jit.assembly(ADD)


def test_parse_error_shows_the_line_of_the_text() -> None:
    bad = ADD.replace("%s = add i64 %x, %b", "%s = add i64 %nowhere, %b")
    with pytest.raises(InternalError, match="line 5: use of undefined value '%nowhere'") as caught:
        jit.compile_object(bad)
    assert "\n    %s = add i64 %nowhere, %b" in str(caught.value)


def test_parse_error_on_the_first_line_shows_that_line() -> None:
    with pytest.raises(InternalError, match="line 1: ") as caught:
        jit.compile_object("define i99x @f()")
    assert "define i99x @f()" in str(caught.value)


def test_parse_error_at_the_end_shows_the_last_line() -> None:
    with pytest.raises(InternalError, match="does not parse: line ") as caught:
        jit.compile_object("define void @f() {\n  ret void")
    assert "ret void" in str(caught.value)


def test_text_that_does_not_verify_is_refused() -> None:
    text = """
define i32 @f(i1 %c, i32 %n) {
entry:
  br i1 %c, label %a, label %b
a:
  %x = add i32 %n, 2
  br label %b
b:
  ret i32 %x
}
"""
    with pytest.raises(InternalError, match="(?s)does not verify.*does not dominate all uses"):
        jit.compile_object(text)


def test_missing_symbol_is_named() -> None:
    with pytest.raises(InternalError, match="(?s)could not be linked.*nothing_of_this_name"):
        jit.load([jit.compile_object(ADD)], ["nothing_of_this_name"])


def test_symbol_that_was_not_asked_for_is_named() -> None:
    loaded = jit.load([jit.compile_object(ADD)], ["add"])
    with pytest.raises(InternalError, match="sub was not exported by enigma.*, which exports add"):
        loaded.address("sub")


def test_two_libraries_may_define_the_same_symbol() -> None:
    first = jit.load([jit.compile_object(ADD)], ["add"])
    second = jit.load([jit.compile_object(ADD.replace("= add", "= sub"))], ["add"])
    assert BINARY(first.address("add"))(5, 3) == 8
    assert BINARY(second.address("add"))(5, 3) == 2


def test_objects_of_one_library_see_each_other_and_the_process() -> None:
    user = """
declare i64 @add(i64, i64)
declare i64 @labs(i64)
define i64 @f(i64 %a, i64 %b) {
  %x = call i64 @add(i64 %a, i64 %b)
  %y = call i64 @labs(i64 %x)
  ret i64 %y
}
"""
    loaded = jit.load([jit.compile_object(user), jit.compile_object(ADD)], ["f"])
    assert BINARY(loaded.address("f"))(-50, 8) == 42


def test_loaded_code_survives_later_loads() -> None:
    kept = jit.load([jit.compile_object(ADD)], ["add"])
    image = jit.compile_object(ADD.replace("= add", "= mul"))
    for _ in range(50):
        jit.load([image], ["add"])
    assert BINARY(kept.address("add"))(20, 22) == 42


def test_threads_may_compile_at_once() -> None:
    def compute(number: int) -> int:
        text = ADD.replace("%x, %b", f"%x, {number}")
        loaded = jit.load([jit.compile_object(text)], ["add"])
        return BINARY(loaded.address("add"))(1000, 0)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(compute, range(24))) == [1000 + number for number in range(24)]


def test_host_is_what_python_says() -> None:
    import platform

    wanted = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
    assert host().arch == wanted[platform.machine().lower()]
    assert host() is host()


@pytest.mark.parametrize(
    ("triple", "features", "bits", "has_fma"),
    [
        ("x86_64-unknown-linux-gnu", {"sse2": True, "avx2": False, "fma": False}, 128, False),
        ("x86_64-pc-windows-msvc", {"avx2": True, "fma": True}, 256, True),
        ("x86_64-unknown-linux-gnu", {"avx2": True, "fma": True, "avx512f": True}, 256, True),
        (
            "x86_64-unknown-linux-gnu",
            dict.fromkeys(["avx2", "avx512f", "avx512vl", "avx512bw", "avx512dq"], True),
            512,
            False,
        ),
        ("arm64-apple-darwin23", {}, 128, True),
    ],
)
def test_vector_width_follows_the_features(triple: str, features: dict[str, bool], bits: int, has_fma: bool) -> None:
    found = describe(triple, "generic", features)
    assert (found.vector_bits, found.has_fma) == (bits, has_fma)


def test_features_carry_their_sign() -> None:
    assert describe("x86_64-linux", "generic", {"b": False, "a": True}).features == "+a,-b"


def test_unsupported_cpu_is_named() -> None:
    with pytest.raises(DeviceError, match="cannot generate code for riscv64-linux"):
        describe("riscv64-linux", "generic", {})


def test_unlisted_features_leave_the_cpu_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> dict[str, bool]:
        raise RuntimeError("not on this system")

    monkeypatch.setattr(host_module.llvm, "get_host_cpu_features", refuse)
    assert host_module.host.__wrapped__().features == ""
