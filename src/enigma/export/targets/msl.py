"""`--to msl`: the Metal text with its reflection."""

from __future__ import annotations

from enigma.export.bundle import Bundle, Files
from enigma.export.readme import compile_flags, readme
from enigma.export.reflection import reflection_text
from enigma.export.vectors import vector_files


def files(bundle: Bundle) -> Files:
    """Return the text, the reflection, the arrays of the reference launch and a README."""
    name = bundle.name
    said = (
        f"- `{name}.metal`: the text of the kernel, which is called `{bundle.entry}` in it\n"
        f"- `{name}.json`: its parameters, sizes and constants, and the reference launch, for programs\n"
        "- `vectors/`: arrays of the reference launch",
        "Metal compiles the text when a program runs (`newLibraryWithSource`), or before, on a Mac with Xcode:",
        f"    xcrun -sdk macosx metal {compile_flags(bundle)} {name}.metal -o {name}.metallib",
    )
    return {
        f"{name}.metal": bundle.metal,
        f"{name}.json": reflection_text(bundle),
        "README.md": readme(bundle, name, said),
        **vector_files(bundle),
    }
