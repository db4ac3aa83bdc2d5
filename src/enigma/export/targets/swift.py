"""`--to swift`: a Swift package with a typed wrapper, and the reference launch as its test."""

from __future__ import annotations

from enigma.export.bundle import Bundle, Files
from enigma.export.host import camel, check_values, generated
from enigma.export.readme import readme
from enigma.export.reflection import reflection_text
from enigma.export.targets.swift_language import TAKEN_TYPES, platforms
from enigma.export.targets.swift_tests import call, constants, tests
from enigma.export.targets.swift_wrapper import names_of, wrapper
from enigma.export.vectors import vector_files


def files(bundle: Bundle) -> Files:
    """Return a package: manifest, wrapper, Metal text, test, arrays, reflection and README.

    Raises `EnigmaTypeError` for a kernel that prints or asserts, and for a struct that is too long to be passed by value.
    """
    bundle.refuse_reports("swift")
    check_values(bundle)
    name = camel(bundle.name)
    if name in TAKEN_TYPES:
        name = f"{name}Kernel"
    vectors = f"Tests/{name}Tests/Vectors"
    return {
        "Package.swift": _manifest(bundle, name),
        f"Sources/{name}/{name}.swift": wrapper(bundle, name),
        f"Sources/{name}/{name}Source.swift": _source(bundle, name),
        f"Tests/{name}Tests/{name}Tests.swift": tests(bundle, name),
        f"{bundle.name}.json": reflection_text(bundle, vectors),
        "README.md": _readme(bundle, name, vectors),
        **vector_files(bundle, vectors),
    }


def _manifest(bundle: Bundle, name: str) -> str:
    system = platforms(bundle.language)
    modes = ",\n    swiftLanguageModes: [.v5]" if system.tools >= "6" else ""
    return f"""\
// swift-tools-version:{system.tools}
// {generated(bundle)}

import PackageDescription

let package = Package(
    name: "{name}",
    platforms: [.macOS(.v{system.macos}), .iOS(.v{system.ios})],
    products: [.library(name: "{name}", targets: ["{name}"])],
    targets: [
        .target(name: "{name}"),
        .testTarget(name: "{name}Tests", dependencies: ["{name}"], resources: [.copy("Vectors")]),
    ]{modes}
)
"""


def _source(bundle: Bundle, name: str) -> str:
    marks = "#"
    while f'"""{marks}' in bundle.metal or f"\\{marks}" in bundle.metal:
        marks += "#"
    return f"""\
// {generated(bundle)}

extension {name} {{
    /// The kernel in Metal {bundle.language[0]}.{bundle.language[1]}.
    static let source = {marks}\"\"\"
{bundle.metal.rstrip(chr(10))}
\"\"\"{marks}
}}
"""


def _readme(bundle: Bundle, name: str, vectors: str) -> str:
    system = platforms(bundle.language)
    names = names_of(bundle, name)
    intel = " `Float16` does not exist on Intel Macs: build for arm64." if "Float16" in wrapper(bundle, name) else ""
    use = [
        f"import {name}",
        "",
        f"let kernel = try {name}({', '.join(constants(bundle, names))})",
        *call(bundle, name, names),
    ]
    said = (
        f"- `Sources/{name}/{name}.swift`: the class `{name}`, which compiles the kernel and launches it\n"
        f"- `Sources/{name}/{name}Source.swift`: the Metal text\n"
        f"- `Tests/{name}Tests`: the reference launch as a test\n"
        f"- `{bundle.name}.json`: parameters, sizes and constants, and the reference launch, for programs",
        "On a Mac, `swift test` runs the kernel on the GPU and compares what it writes. To use the package, name its folder in the "
        f'dependencies of yours, `.package(path: "../{name}")`, then:',
        "\n".join(["```swift", *use, "```"]),
        "`encode` takes buffers of your own instead of arrays, and an encoder, for many launches without a wait.",
        f"It needs macOS {system.macos} or iOS {system.ios}, and Xcode {_xcode(bundle)} or later to be built.{intel}",
    )
    return readme(bundle, name, said, vectors)


def _xcode(bundle: Bundle) -> int:
    return 26 if bundle.language >= (4, 0) else 16
