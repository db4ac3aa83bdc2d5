"""The test of a Swift package: the reference launch on the GPU, compared with what is expected."""

from __future__ import annotations

from collections.abc import Mapping

from enigma.dtypes import Numeric, bf16, f16, f32, u8
from enigma.export.bundle import Bundle, Parameter
from enigma.export.host import generated, indented, memory, structs, texture_sizes
from enigma.export.targets.swift_language import element_type, number_type, size, value
from enigma.export.targets.swift_wrapper import Names, names_of
from enigma.export.vectors import expected_file, input_file
from enigma.runtime.textures import view
from enigma.trace.args import Kind

_TO_FLOAT: Mapping[Numeric, str] = {
    f32: "",
    f16: ".map { Float($0) }",
    bf16: ".map { Float(bitPattern: UInt32($0) << 16) }",
}
"""What makes floats of an array of numbers."""


def tests(bundle: Bundle, name: str) -> str:
    """Return the file of the test."""
    names = names_of(bundle, name)
    outputs = [each for each in memory(bundle) if each.access.writes]
    has_textures = any(each.kind is Kind.TEXTURE for each in memory(bundle))
    lines = [
        f"// {generated(bundle)}",
        "",
        "import Foundation",
        "import Metal",
        "import XCTest",
        f"@testable import {name}",
        "",
        f"final class {name}Tests: XCTestCase {{",
        *indented(_launch(bundle, name, names)),
        *indented(_layout(bundle, name, names)),
        *indented(_VECTOR),
        *indented(_TEXTURE if has_textures else []),
        *indented(_TEXELS if any(each.kind is Kind.TEXTURE for each in outputs) else []),
        *indented(_NUMBERS if any(each.dtype.lanes in (2, 4) for each in outputs) else []),
        *indented(_CLOSE if any(_is_close(each) for each in outputs) else []),
    ]
    while lines[-1] == "":
        lines.pop()
    return "\n".join([*lines, "}"]) + "\n"


def _is_close(parameter: Parameter) -> bool:
    return any(parameter.tolerance)


# ---- the launch


def _launch(bundle: Bundle, name: str, names: Names) -> list[str]:
    outputs = [each for each in memory(bundle) if each.access.writes]
    body = [
        'guard let device = MTLCreateSystemDefaultDevice() else { throw XCTSkip("there is no Metal device") }',
        f"let kernel = try {name}({', '.join(['device: device', *constants(bundle, names)])})",
        *(line for each in memory(bundle) for line in _input(each, names)),
        *call(bundle, name, names),
        *(line for each in outputs for line in _compare(each, names)),
    ]
    return ["func testReferenceLaunch() throws {", *indented(body), "}", ""]


def constants(bundle: Bundle, names: Names) -> list[str]:
    """Return the function constants of the reference launch as arguments of the class."""
    return [
        f"{names.constants[each.constant.index]}: {value(each.value, each.constant.dtype)}"
        for required in (True, False)
        for each in bundle.constants
        if each.is_given and (each.constant.default is None) is required
    ]


def call(bundle: Bundle, name: str, names: Names) -> list[str]:
    """Return the lines that run the reference launch."""
    passed = [f"{names.of(each)}: {_passed(each, name, names)}" for each in bundle.parameters]
    passed += [f"grid: {size(bundle.geometry.grid)}", f"threads: {size(bundle.geometry.threads)}"]
    return ["try kernel.run(", *(f"    {each}," for each in passed[:-1]), f"    {passed[-1]}", ")"]


def _passed(parameter: Parameter, name: str, names: Names) -> str:
    if parameter.struct is not None:
        members = zip(parameter.struct.members, parameter.given, strict=True)
        written = (
            f"{names.members[parameter.struct, each.name]}: {value(given, each.dtype)}" for each, given in members
        )
        return f"{name}.{names.struct(parameter)}({', '.join(written)})"
    if parameter.kind is Kind.SCALAR:
        return value(parameter.given, parameter.dtype)
    return (
        f"&{names.of(parameter)}" if parameter.access.writes and parameter.kind is Kind.BUFFER else names.of(parameter)
    )


def _input(parameter: Parameter, names: Names) -> list[str]:
    name, file = names.of(parameter), _stem(input_file(parameter))
    if parameter.kind is Kind.BUFFER:
        word = "var" if parameter.access.writes else "let"
        return [f'{word} {name}: [{element_type(parameter.dtype)}] = try vector("{file}")']
    sizes = texture_sizes(parameter)
    return [
        f"let {name} = try texture(",
        f'    "{file}", on: device, type: .type{sizes.type}, format: .{_format(sizes.format)},',
        f"    width: {sizes.width}, height: {sizes.height}, depth: {sizes.depth}, layers: {sizes.layers}, texel: {sizes.texel}",
        ")",
    ]


def _format(name: str) -> str:
    """Return Swift's name of a pixel format: `rgba32Float` for `RGBA32Float`."""
    letters = name.rstrip("abcdefghijklmnopqrstuvwxyz").rstrip("FUS").rstrip("0123456789")
    return letters.lower() + name[len(letters) :]


def _compare(parameter: Parameter, names: Names) -> list[str]:
    name, file = names.of(parameter), _stem(expected_file(parameter))
    dtype = _compared(parameter)
    kind = number_type(dtype)
    found = name
    if parameter.kind is Kind.TEXTURE:
        sizes = texture_sizes(parameter)
        found = f"texels(of: {name}, texel: {sizes.texel}) as [{kind}]"
    elif parameter.dtype.lanes in (2, 4):
        found = f"numbers(of: {name}) as [{kind}]"
    if not _is_close(parameter):
        return [f'XCTAssertEqual({found}, try vector("{file}"), "{parameter.name}")']
    relative, absolute = parameter.tolerance
    convert = _TO_FLOAT.get(dtype.element, ".map { Float($0) }")
    wanted = f'(try vector("{file}") as [{kind}]){convert}' if convert else f'try vector("{file}")'
    got = f"({found}){convert}" if " as " in found else f"{found}{convert}"
    return [
        "assertClose(",
        f"    {got},",
        f"    {wanted},",
        f'    relative: {relative:g}, absolute: {absolute:g}, "{parameter.name}"',
        ")",
    ]


def _compared(parameter: Parameter) -> Numeric:
    """Return the dtype of the numbers in memory: of a texture, how its texels are stored."""
    if parameter.texture is None or parameter.array is None:
        return parameter.dtype
    stored = view(parameter.array, parameter.texture).format.stored
    return u8 if stored.width == 8 else stored


def _stem(file: str) -> str:
    return file.removesuffix(".bin")


def _layout(bundle: Bundle, name: str, names: Names) -> list[str]:
    """Return a test that a struct lies in memory as Metal has it."""
    lines: list[str] = []
    for each, struct in structs(bundle):
        kind = f"{name}.{names.struct(each)}"
        lines += [
            f"func testLayoutOf{names.struct(each)}() {{",
            f"    XCTAssertEqual(MemoryLayout<{kind}>.stride, {struct.size})",
            *(
                f"    XCTAssertEqual(MemoryLayout<{kind}>.offset(of: \\.{names.members[struct, member.name]}), {offset})"
                for member, offset in zip(struct.members, struct.offsets, strict=True)
            ),
            "}",
            "",
        ]
    return lines


# ---- what the test needs besides

_VECTOR = """\
/// Returns an array of the reference launch.
private func vector<Element>(_ name: String) throws -> [Element] {
    let url = Bundle.module.url(forResource: name, withExtension: "bin", subdirectory: "Vectors")
    let data = try Data(contentsOf: XCTUnwrap(url))
    let count = data.count / MemoryLayout<Element>.stride
    return [Element](unsafeUninitializedCapacity: count) { buffer, used in
        used = data.copyBytes(to: buffer) / MemoryLayout<Element>.stride
    }
}

""".splitlines()

_TEXTURE = """\
/// Returns a texture with the texels of the reference launch, each of `texel` bytes.
private func texture(
    _ name: String, on device: MTLDevice, type: MTLTextureType, format: MTLPixelFormat,
    width: Int, height: Int, depth: Int, layers: Int, texel: Int
) throws -> MTLTexture {
    let descriptor = MTLTextureDescriptor()
    descriptor.textureType = type
    descriptor.pixelFormat = format
    descriptor.width = width
    descriptor.height = height
    descriptor.depth = depth
    descriptor.arrayLength = layers
    descriptor.usage = [.shaderRead, .shaderWrite]
    descriptor.storageMode = .shared
    let texture = try XCTUnwrap(device.makeTexture(descriptor: descriptor))
    let bytes: [UInt8] = try vector(name)
    let region = MTLRegionMake3D(0, 0, 0, width, height, depth)
    for layer in 0..<layers {
        bytes[(layer * bytes.count / layers)...].withUnsafeBytes { slice in
            texture.replace(
                region: region, mipmapLevel: 0, slice: layer, withBytes: slice.baseAddress!,
                bytesPerRow: width * texel, bytesPerImage: type == .type3D ? width * height * texel : 0
            )
        }
    }
    return texture
}

""".splitlines()

_TEXELS = """\
/// Returns the numbers that a texture holds.
private func texels<Number>(of texture: MTLTexture, texel: Int) -> [Number] {
    let (width, height, depth) = (texture.width, texture.height, texture.depth)
    let (row, image) = (width * texel, width * height * depth * texel)
    var bytes = [UInt8](repeating: 0, count: image * texture.arrayLength)
    bytes.withUnsafeMutableBytes { buffer in
        for layer in 0..<texture.arrayLength {
            texture.getBytes(
                buffer.baseAddress! + layer * image, bytesPerRow: row,
                bytesPerImage: texture.textureType == .type3D ? height * row : 0,
                from: MTLRegionMake3D(0, 0, 0, width, height, depth), mipmapLevel: 0, slice: layer
            )
        }
    }
    return bytes.withUnsafeBytes { Array($0.bindMemory(to: Number.self)) }
}

""".splitlines()

_NUMBERS = """\
/// Returns the numbers of an array of vectors, one after another.
private func numbers<Vector, Number>(of vectors: [Vector]) -> [Number] {
    vectors.withUnsafeBytes { Array($0.bindMemory(to: Number.self)) }
}

""".splitlines()

_CLOSE = """\
/// Fails where a number is farther from the expected one than a GPU may round it.
private func assertClose(
    _ found: [Float], _ expected: [Float], relative: Float, absolute: Float, _ name: String
) {
    XCTAssertEqual(found.count, expected.count, name)
    for (index, (got, wanted)) in zip(found, expected).enumerated() {
        let same = got == wanted || (got.isNaN && wanted.isNaN)
        let close = wanted.isFinite && abs(got - wanted) <= absolute + relative * abs(wanted)
        if !same && !close {
            return XCTFail("\\(name)[\\(index)] is \\(got), but \\(wanted) is expected")
        }
    }
}

""".splitlines()
