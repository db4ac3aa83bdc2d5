"""Runs clang on a Metal text against the stub, in two modes.

Mode A reads the text as C++20 with the address spaces erased and exact value types: it decides about names, syntax,
types, overloads and constructors. Mode B reads it as C++ for OpenCL, where address spaces and kernel rules are real but
vectors of bool, class copies between address spaces and mixed ranks are not expressible: only what it says about
address spaces, pointers and kernels counts. Rewrites keep the length of a line, so places need no translation.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.msl.diagnostic import Diagnostic
from tests.msl.stub import stub_text
from tests.msl.tables import HEADERS

CLANG = "clang-22"
_COMMON = (
    "-Xclang",
    "-cl-single-precision-constant",
    "-Wno-unknown-attributes",
    "-Wno-reserved-user-defined-literal",
    "-Wno-user-defined-literals",
)
# Flags of mode A, without the stub.
MODE_A = ("-x", "c++", "-std=c++20", "-fdeclspec", "-nostdinc", "-nostdinc++", *_COMMON)
_NO_EXTENSIONS = ",".join(
    f"-__opencl_c_{name}"
    for name in ("generic_address_space", "pipes", "device_enqueue", "program_scope_global_variables")
)
_MODE_B = (
    *("--target=spir64", "-x", "cl", "-cl-std=clc++2021", "-cl-no-stdinc"),
    *("-Xclang", f"-cl-ext={_NO_EXTENSIONS}"),
    *_COMMON,
)
_FLAGS = {"A": MODE_A, "B": _MODE_B}

# Warnings that always mean a wrong kernel; everything else stays off, for suspicious is not illegal.
_ERRORS_A = (
    "return-type",
    "uninitialized",
    "shift-count-overflow",
    "shift-count-negative",
    "division-by-zero",
    "array-bounds",
    "constant-conversion",
    "literal-conversion",
    "integer-overflow",
    "c99-designator",
    "vla-cxx-extension",
    "gnu-designator",
    "format",
    "format-security",
)

_LINE = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<col>\d+): (?P<kind>fatal error|error|warning|note): (?P<message>.*)$"
)

# What mode B is believed about.
_B_SPACES = re.compile(
    r"address space|kernel function|kernel must have void|'__local' variable cannot have an initializer"
    r"|'[^']*__(?:global|local|constant|private)\b[^']*[*&][^']*'"
)
_B_CALL = re.compile(r"no matching (?:member )?function for call|cannot initialize object parameter")
# A call fails for a space when a note speaks of spaces or of the type of a pointer.
_B_CALL_NOTE = re.compile(
    r"address space|no known conversion from '[^']*__\w+[^']*(?:[*&]|\[\d+\])'"
    r"|does not match adjusted type '[^']*__\w+ "
)
# What it says because OpenCL cannot express a legal construct: copies of classes out of or into another space,
# threadgroup variables in an inner block (legal anywhere in a kernel), textures and matrices as kernel parameters.
_B_IGNORED = re.compile(
    r"can only be declared in the outermost scope|cannot be used as the type of a kernel parameter"
    r"|no viable overloaded|no matching constructor"
)
_B_IGNORED_NOTE = re.compile(r"implicit (?:copy|move)")


@cache
def clang_available() -> bool:
    """Whether clang-22 can be run here."""
    return shutil.which(CLANG) is not None


def skipped_modes(text: str) -> dict[str, str]:
    """The modes that cannot express a legal construct of this text, each with the reason."""
    if re.search(r"\btemplate\s*<[^;{]*?>\s*(?:\[\[[^\]]*\]\]\s*)*kernel\b", text):
        return {"B": "OpenCL has no template kernels"}
    return {}


def run_mode(mode: str, text: str, *, metal_version: int = 310, warnings: bool = False) -> list[Diagnostic]:
    """The diagnostics of mode "A" or "B" for a text; `warnings` adds those of -Wall (mode A)."""
    command = [CLANG, *_FLAGS[mode], "-include-pch", str(_precompiled(mode)), *stub_flags(), "-fsyntax-only"]
    command += ["-ferror-limit=0", "-fno-caret-diagnostics", f"-D__METAL_VERSION__={metal_version}"]
    if mode == "A":
        command += ["-Wall", "-Wextra", "-Wshadow"] if warnings else []
        command += [f"-Werror={name}" for name in _ERRORS_A]
    done = subprocess.run([*command, "-"], input=rewrite(text, mode), capture_output=True, text=True, check=False)
    # Errors only, unless asked: -w would also silence the warnings that clang itself treats as errors.
    found = _parse(done.stderr, mode, warnings=warnings and mode == "A")
    if done.returncode != 0 and not found and mode == "A":
        found = [Diagnostic(mode, 1, 1, f"clang failed without a diagnostic: {done.stderr.strip()}")]
    return found


_FUNCTION = re.compile(r"^inline [^\n]*\{\n.*?^\}\n", re.MULTILINE | re.DOTALL)


def _without_twins(text: str) -> str:
    """The text without helper functions that differ from an earlier one in an address space alone, which mode A erases."""
    seen: set[str] = set()

    def keep(found: re.Match[str]) -> str:
        erased = re.sub(r"\b(?:device|threadgroup) ", "", found[0])
        if erased in seen:
            return re.sub(r"[^\n]", " ", found[0])
        seen.add(erased)
        return found[0]

    return _FUNCTION.sub(keep, text)


def rewrite(text: str, mode: str) -> str:
    """The text as clang reads it: spellings that C++ cannot have, each replaced by one of the same length."""
    text = re.sub(r"\[\[(\s*)threadgroup(\s*\()", r"[[\1threadgr0up\2", text)
    text = re.sub(r"\[\[\s*(?:host_name\s*\([^)]*\))\s*\]\]", lambda m: " " * len(m[0]), text)
    text = re.sub(r"^[ \t]*#[ \t]*line\b[^\n]*", lambda m: " " * len(m[0]), text, flags=re.MULTILINE)
    text = re.sub(r"\[\[kernel\]\]", "kernel    ", text)
    text = re.sub(r"(?<=[\d.])bf\b", "_b", text)
    text = re.sub(r"\bcoherent(?:\(device\))?(?= device\b)", lambda m: " " * len(m[0]), text)
    if mode == "A":
        text = _without_twins(text)
    text = re.sub(r"\[\[\s*function_constant\(\w+\)\s*\]\](?=\s*;)", lambda m: "= MSL_FC".ljust(len(m[0])), text)
    if mode == "B":
        text = re.sub(r"\bconstexpr(\s+)sampler\b", r"constant \1sampler", text)
        text = re.sub(r"\bconstexpr(\s+)constant\b", r"         \1constant", text)
        text = re.sub(r"\bconstant(\s+)constexpr\b", r"constant\1         ", text)
    return text


def _parse(output: str, mode: str, *, warnings: bool) -> list[Diagnostic]:
    groups: list[list[re.Match[str]]] = []
    for line in output.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        if match["kind"] == "note":
            if groups:
                groups[-1].append(match)
        else:
            groups.append([match])
    found: set[Diagnostic] = set()
    for group in groups:
        if group[0]["kind"] == "warning" and not warnings:
            continue
        if mode == "B" and not _is_about_spaces(group):
            continue
        head = group[0]
        # An error inside the stub (a static_assert) belongs to the place of the text that asked for it.
        place = next((m for m in group if m["file"] == "<stdin>"), head)
        message = re.sub(r" \[-W[^\]]*\]$", "", head["message"])
        found.add(Diagnostic(mode, int(place["line"]), int(place["col"]), message))
    return sorted(found, key=lambda d: d.order)


def _is_about_spaces(group: list[re.Match[str]]) -> bool:
    head, notes = group[0]["message"], [m["message"] for m in group[1:]]
    if _B_IGNORED.search(head) or any(_B_IGNORED_NOTE.search(note) for note in notes):
        return False
    if _B_SPACES.search(head):
        return True
    return _B_CALL.search(head) is not None and any(_B_CALL_NOTE.search(note) for note in notes)


@cache
def _folder() -> Path:
    """The folder of the stub and its precompiled forms, named by what they are made from."""
    version = subprocess.run([CLANG, "--version"], capture_output=True, text=True, check=True).stdout
    key = hashlib.sha256("\0".join((stub_text(), version, repr(_FLAGS))).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"enigma-msl-{os.getuid()}-{key}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in HEADERS:
        _place(folder / name, "#include <metal_stdlib>\n")
    _place(folder / "metal_stdlib", stub_text())
    return folder


def _place(path: Path, text: str) -> None:
    """Writes a file in one step unless it is there: several test processes may do so at once."""
    if path.exists():
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    # A second writer must not change the time stamp that a precompiled header has recorded.
    try:
        os.link(file.name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(file.name)


def stub_flags() -> list[str]:
    """The flags that make clang find the stub."""
    return ["-isystem", str(_folder())]


@cache
def _precompiled(mode: str) -> Path:
    folder = _folder()
    target = folder / f"{mode}.pch"
    if target.exists():
        return target
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".pch", delete=False) as file:
        pass
    command = [CLANG, *_FLAGS[mode], *stub_flags(), "-Wno-everything", "-S", "-Xclang", "-emit-pch"]
    source = str(folder / "metal_stdlib")
    done = subprocess.run([*command, "-o", file.name, source], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        Path(file.name).unlink(missing_ok=True)
        raise RuntimeError(f"the metal_stdlib stub does not compile in mode {mode}:\n{done.stderr}")
    os.replace(file.name, target)
    return target
