"""`--to cpp`: C++ host code on metal-cpp, and a program that runs the reference launch."""

from __future__ import annotations

from enigma.export.bundle import Bundle, Files
from enigma.export.host import HostNames, camel, check_values, generated
from enigma.export.readme import readme
from enigma.export.reflection import reflection_text
from enigma.export.targets.cpp_language import WORDS
from enigma.export.targets.cpp_program import call, program
from enigma.export.targets.cpp_wrapper import names_of, wrapper
from enigma.export.vectors import vector_files


def files(bundle: Bundle) -> Files:
    """Return the header of a class, the Metal text, a program, its build file, arrays, reflection and README.

    Raises `EnigmaTypeError` for a kernel that prints or asserts, and for a struct that is too long to be passed by value.
    """
    bundle.refuse_reports("cpp")
    check_values(bundle)
    stem = HostNames(WORDS).fresh(bundle.name)
    name = camel(bundle.name)
    if name in WORDS or name == stem:
        name = f"{name}Kernel"
    return {
        f"{stem}.hpp": wrapper(bundle, name, stem),
        f"{stem}_source.hpp": _source(bundle, stem),
        "main.cpp": program(bundle, name, stem),
        "CMakeLists.txt": _cmake(bundle, stem),
        f"{bundle.name}.json": reflection_text(bundle),
        "README.md": _readme(bundle, name, stem),
        **vector_files(bundle),
    }


def _source(bundle: Bundle, stem: str) -> str:
    mark = "metal"
    while f'){mark}"' in bundle.metal:
        mark += "_"
    return f"""\
// {generated(bundle)}
#pragma once

/// The kernel in Metal {bundle.language[0]}.{bundle.language[1]}.
inline constexpr char {stem}_source[] = R"{mark}(
{bundle.metal.rstrip(chr(10))}
){mark}";
"""


def _cmake(bundle: Bundle, stem: str) -> str:
    return f"""\
# {generated(bundle)}
cmake_minimum_required(VERSION 3.20)
project({stem} CXX)

set(METAL_CPP "" CACHE PATH "The folder of metal-cpp: the one with Metal/Metal.hpp")
if(NOT EXISTS "${{METAL_CPP}}/Metal/Metal.hpp")
    message(FATAL_ERROR "METAL_CPP must be the folder of metal-cpp: cmake -B build -DMETAL_CPP=path/to/metal-cpp")
endif()

add_executable({stem} main.cpp)
target_compile_features({stem} PRIVATE cxx_std_17)
target_include_directories({stem} SYSTEM PRIVATE "${{METAL_CPP}}")
target_link_libraries({stem} PRIVATE "-framework Foundation" "-framework Metal")
"""


def _readme(bundle: Bundle, name: str, stem: str) -> str:
    names = names_of(bundle, name)
    use = [f'#include "{stem}.hpp"', "", "auto device = NS::TransferPtr(MTL::CreateSystemDefaultDevice());"]
    said = (
        f"- `{stem}.hpp`: the class `{name}`, which compiles the kernel and launches it\n"
        f"- `{stem}_source.hpp`: the Metal text\n"
        "- `main.cpp`, `CMakeLists.txt`: a program that runs the reference launch and compares what it writes\n"
        f"- `{bundle.name}.json`: parameters, sizes and constants, and the reference launch, for programs\n"
        "- `vectors/`: arrays of the reference launch",
        "It needs metal-cpp, Apple's C++ interface to Metal, which is a folder of headers; Apple's page about Metal for developers "
        "has it. One of 2024 or later knows all that is used here. On a Mac:",
        f"    cmake -B build -DMETAL_CPP=path/to/metal-cpp\n    cmake --build build\n    ./build/{stem} vectors",
        "Without CMake:",
        f"    clang++ -std=c++17 -I path/to/metal-cpp main.cpp -framework Foundation -framework Metal -o {stem}",
        "In a program of yours:",
        "\n".join(["```cpp", *use, *call(bundle, name, names), "```"]),
        "One file of the program defines `NS_PRIVATE_IMPLEMENTATION` and `MTL_PRIVATE_IMPLEMENTATION` before it includes the "
        "header, as `main.cpp` does. `encode` takes buffers of your own instead of arrays, and an encoder, for many "
        "launches without a wait.",
    )
    return readme(bundle, name, said)
