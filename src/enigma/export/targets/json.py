"""`--to json`: the reflection alone, for programs that have the kernel already or generate code for it."""

from __future__ import annotations

from enigma.export.bundle import Bundle, Files
from enigma.export.readme import readme
from enigma.export.reflection import reflection_text
from enigma.export.vectors import vector_files


def files(bundle: Bundle) -> Files:
    """Return the reflection, the arrays of the reference launch and a README."""
    said = (
        f"- `{bundle.name}.json`: parameters, sizes, constants, and the reference launch; docs/export.md of enigma describes its "
        "fields\n- `vectors/`: arrays of the reference launch",
    )
    return {
        f"{bundle.name}.json": reflection_text(bundle),
        "README.md": readme(bundle, bundle.name, said),
        **vector_files(bundle),
    }
