"""`--to metallib`: the library that Apple's tools make of the text."""

from __future__ import annotations

import shutil
import tempfile

from enigma.errors import ToolchainError
from enigma.export.bundle import Bundle, Files
from enigma.export.readme import compile_flags, readme
from enigma.export.reflection import reflection_text
from enigma.export.vectors import vector_files
from enigma.runtime import toolchain


def files(bundle: Bundle) -> Files:
    """Return the library, the text it was made of, the reflection, the arrays of the reference launch and a README.

    Raises `ToolchainError` where Apple's tools are missing or fail.
    """
    if shutil.which("xcrun") is None:
        raise ToolchainError(
            "a .metallib is made by Apple's tools, but xcrun was not found",
            help="on a Mac install Xcode; elsewhere export to msl, whose text Metal compiles when a program runs",
        )
    name, text = bundle.name, bundle.program.metal
    options = toolchain.Options(bundle.language, bundle.math, logs=bundle.logs)
    with tempfile.TemporaryDirectory(prefix="enigma_") as folder:
        library = toolchain.build(name, text.text, folder, keep_source=False, places=text.lines, options=options)
    constants = "; its function constants are given when a function is taken from it" if bundle.constants else ""
    said = (
        f"- `{name}.metallib`: the library, with the function `{bundle.entry}`{constants}\n"
        f"- `{name}.metal`: the text it was made of, with `{compile_flags(bundle)}`\n"
        f"- `{name}.json`: parameters, sizes and constants, and the reference launch, for programs\n"
        "- `vectors/`: arrays of the reference launch",
        "A program loads the library with `newLibraryWithURL`, or makes it part of its bundle. It is for macOS.",
    )
    return {
        f"{name}.metallib": library.content,
        f"{name}.metal": bundle.metal,
        f"{name}.json": reflection_text(bundle),
        "README.md": readme(bundle, name, said),
        **vector_files(bundle),
    }
