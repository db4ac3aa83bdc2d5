"""A stand-in for Apple's `xcrun`: knows the two command lines that enigma may use, and fails as the real one does.

XCRUN_MODE says how: "works" (default), "clt" (Command Line Tools only), "no-toolchain" (Xcode 26 without its Metal
toolchain), "no-sdk", "no-developer-path", "no-developer-dir", "no-tools", "license", "error" (a diagnostic in line
XCRUN_LINE), "crash" (nothing said), "no-air" and "no-metallib" (success without the product), "metallib-error".
XCRUN_LOG gets each command line as JSON. XCRUN_VERSION is the version of the compiler, XCRUN_NEWEST the newest language
that it has.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

FAILURES = {
    "clt": (72, 'xcrun: error: unable to find utility "metal", not a developer tool or in PATH'),
    "no-toolchain": (
        1, "error: error: cannot execute tool 'metal' due to missing Metal Toolchain; "
        "use: xcodebuild -downloadComponent MetalToolchain"
    ),
    "no-sdk": (1, 'xcrun: error: SDK "macosx" cannot be located\nxcrun: error: unable to lookup item \'Path\' in SDK \'macosx\''),
    "no-developer-path": (
        1, "xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools), missing xcrun at: "
        "/Library/Developer/CommandLineTools/usr/bin/xcrun",
    ),
    "no-developer-dir": (1, "xcrun: error: missing DEVELOPER_DIR path: /Applications/Xcode-beta.app/Contents/Developer"),
    "no-tools": (
        1, "xcode-select: note: No developer tools were found, requesting install.\nIf developer tools are located at a "
        "non-default location on disk, use `sudo xcode-select --switch path/to/Xcode.app`",
    ),
    "license": (69, "You have not agreed to the Xcode license agreements."),
    "crash": (254, ""),
}  # fmt: skip


def fail(code: int, text: str) -> None:
    if text:
        print(text, file=sys.stderr)
    sys.exit(code)


FLAGS = {"-fmetal-enable-logging", "-gline-tables-only", "-frecord-sources"}


def check_standard(flag: str) -> None:
    """Refuse a language that is none, or that came after XCRUN_NEWEST, as clang does."""
    name = flag.removeprefix("-std=")
    if name not in ("metal3.0", "metal3.1", "metal3.2", "metal4.0") or name[5:] > os.environ.get("XCRUN_NEWEST", "4.0"):
        fail(1, f"error: invalid value '{name}' in '{flag}'\nnote: use 'metal3.0' for 'Metal 3.0' standard")


def compile_metal(source: Path, air: Path, mode: str) -> None:
    """Act as `metal -c`."""
    text = source.read_text(encoding="utf-8")
    if not text.startswith("#include <metal_stdlib>\n"):
        fail(1, f"{source}:1:1: error: no standard library")
    if mode == "error":
        line = int(os.environ["XCRUN_LINE"])
        shown = text.splitlines()[line - 1]
        fail(1, f"{source}:{line}:9: error: use of undeclared identifier 'q'\n{shown}\n        ^\n1 error generated.")
    if mode != "no-air":
        air.write_bytes(b"AIR:" + text.encode())


def link(air: Path, library: Path, mode: str) -> None:
    """Act as `metallib`."""
    if mode == "metallib-error":
        fail(1, f"air-lld: error: {air}: not an AIR file")
    if mode != "no-metallib":
        library.write_bytes(b"MTLB" + air.read_bytes())


def main(arguments: list[str]) -> None:
    with open(os.environ["XCRUN_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps(arguments) + "\n")
    mode = os.environ.get("XCRUN_MODE", "works")
    if mode in FAILURES:
        fail(*FAILURES[mode])
    match arguments:
        case ["-sdk", "macosx", "metal", "--version"]:
            print(f"Apple metal version {os.environ.get('XCRUN_VERSION', '32023.620')} (metalfe-32023.620)")
        case [
            "-sdk",
            "macosx",
            "metal",
            standard,
            "-fno-fast-math" | "-ffast-math",
            *flags,
            "-c",
            source,
            "-o",
            air,
        ] if set(flags) <= FLAGS and air.endswith(".air") and source == air.removesuffix(".air") + ".metal":
            check_standard(standard)
            compile_metal(Path(source), Path(air), mode)
        case ["-sdk", "macosx", "metallib", air, "-o", library] if library == air[:-4] + ".metallib" and air.endswith(
            ".air"
        ):
            link(Path(air), Path(library), mode)
        case _:
            fail(64, f"xcrun stand-in: unexpected arguments {arguments}")


main(sys.argv[1:])
