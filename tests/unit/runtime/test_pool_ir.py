"""The pool's IR text on every system it claims: clang accepts it, and the blobs hold what pthread puts there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from enigma.errors import InternalError
from enigma.runtime.native import pool_ir

CLANG = shutil.which("clang-22")
needs_clang = pytest.mark.skipif(CLANG is None, reason="needs clang-22")
TRIPLES = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-apple-macosx13", "arm64-apple-macosx13"]


def _compile(text: str, triple: str, folder: Path) -> subprocess.CompletedProcess[str]:
    source = folder / "pool.ll"
    source.write_text(text)
    command = [
        str(CLANG),
        "-c",
        "-O2",
        "-Wno-override-module",
        f"--target={triple}",
        str(source),
        "-o",
        str(folder / "pool.o"),
    ]
    return subprocess.run(command, capture_output=True, text=True)


@needs_clang
@pytest.mark.parametrize("triple", TRIPLES)
def test_clang_compiles_it_for(triple: str, tmp_path: Path) -> None:
    done = _compile(pool_ir.text("x86_64" if triple.startswith("x86") else "aarch64"), triple, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@needs_clang
@pytest.mark.parametrize(
    ("arch", "triple"), [("x86_64", "x86_64-pc-windows-msvc"), ("aarch64", "aarch64-pc-windows-msvc")]
)
def test_serial_text_needs_nothing_from_the_system(arch: str, triple: str, tmp_path: Path) -> None:
    text = pool_ir.serial_text(arch)
    assert not re.findall(r"@pthread\w+", text)
    done = _compile(text, triple, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@needs_clang
def test_blobs_hold_the_system_types(tmp_path: Path) -> None:
    source = tmp_path / "sizes.c"
    source.write_text(
        "#include <pthread.h>\n"
        + "".join(
            f'_Static_assert(sizeof({name}) <= 128, "{name}");\n'
            for name in ("pthread_mutex_t", "pthread_cond_t", "pthread_attr_t")
        )
        + '_Static_assert(sizeof(pthread_t) == sizeof(void*), "pthread_t");\n'
    )
    done = subprocess.run([str(CLANG), "-fsyntax-only", str(source)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_export_is_defined() -> None:
    defined = set(re.findall(r"^define (?!internal)[^@]*@(\w+)", pool_ir.text("x86_64"), re.MULTILINE))
    assert defined == set(pool_ir.EXPORTS)
    assert set(re.findall(r"^define (?!internal)[^@]*@(\w+)", pool_ir.serial_text("aarch64"), re.MULTILINE)) == set(
        pool_ir.SERIAL_EXPORTS
    )


def test_unknown_architecture_is_named() -> None:
    with pytest.raises(InternalError, match="the thread pool has no code for riscv64"):
        pool_ir.text("riscv64")
