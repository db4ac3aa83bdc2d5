"""The program of the C++ host code: the reference launch on the GPU, compared with what is expected."""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, bf16
from enigma.export.bundle import Bundle, Parameter
from enigma.export.host import generated, memory, texture_sizes
from enigma.export.targets.cpp_language import element_type, size, value
from enigma.export.targets.cpp_wrapper import Names, names_of
from enigma.export.vectors import expected_file, input_file
from enigma.runtime.textures import view
from enigma.trace.args import Kind

_HEADERS = "cmath cstdio cstring fstream iterator limits stdexcept string vector"


def program(bundle: Bundle, name: str, stem: str) -> str:
    """Return the file with `main`."""
    names = names_of(bundle, name)
    outputs = [each for each in memory(bundle) if each.access.writes]
    textures = [each for each in memory(bundle) if each.kind is Kind.TEXTURE]
    parts = [
        [f"// {generated(bundle)}", "#define NS_PRIVATE_IMPLEMENTATION", "#define MTL_PRIVATE_IMPLEMENTATION"],
        [f'#include "{stem}.hpp"', ""],
        [*(f"#include <{header}>" for header in _HEADERS.split()), ""],
        ["namespace {", "", *_READ],
        _CLOSE if any(any(each.tolerance) for each in outputs) else [],
        _EQUAL if any(not any(each.tolerance) for each in outputs) else [],
        _WIDEN if any(_compared(each).element is bf16 for each in outputs) else [],
        _TEXTURE if textures else [],
        _TEXELS if any(each in textures for each in outputs) else [],
        ["}  // namespace", ""],
        _main(bundle, name, names),
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def call(bundle: Bundle, name: str, names: Names) -> list[str]:
    """Return the lines that make the kernel and run the reference launch."""
    constants = [
        value(each.value, each.constant.dtype) if each.is_given else "std::nullopt"
        for required in (True, False)
        for each in bundle.constants
        if (each.constant.default is None) is required
    ]
    while constants and constants[-1] == "std::nullopt":
        constants.pop()
    passed = [_passed(each, name, names) for each in bundle.parameters]
    passed += [size(bundle.geometry.grid), size(bundle.geometry.threads)]
    whole = f"kernel.run({', '.join(passed)});"
    lines = (
        [whole]
        if len(whole) <= 90
        else ["kernel.run(", *(f"    {each}," for each in passed[:-1]), f"    {passed[-1]});"]
    )
    return [f"{name} kernel({', '.join(['device.get()', *constants])});", *lines]


def _main(bundle: Bundle, name: str, names: Names) -> list[str]:
    outputs = [each for each in memory(bundle) if each.access.writes]
    made, *run = call(bundle, name, names)
    body = [
        "auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());",
        "auto device = NS::TransferPtr(MTL::CreateSystemDefaultDevice());",
        made,
        *(line for each in memory(bundle) for line in _input(each, names)),
        *run,
        "bool right = true;",
        *(line for each in outputs for line in _compare(each, names)),
        "return right ? 0 : 1;",
    ]
    return [
        "/// Runs the launch whose arrays are in the folder that the first argument names, and compares what it writes.",
        "int main(int argc, char** argv) {",
        '    const std::string vectors = argc > 1 ? argv[1] : "vectors";',
        "    try {",
        *(f"        {line}" for line in body),
        "    } catch (const std::exception& error) {",
        '        std::fprintf(stderr, "%s\\n", error.what());',
        "        return 1;",
        "    }",
        "}",
    ]


def _passed(parameter: Parameter, name: str, names: Names) -> str:
    if parameter.struct is not None:
        members = zip(parameter.struct.members, parameter.given, strict=True)
        return f"{name}::{names.struct(parameter)}{{{', '.join(value(given, each.dtype) for each, given in members)}}}"
    if parameter.kind is Kind.SCALAR:
        return value(parameter.given, parameter.dtype)
    return f"{names.of(parameter)}.get()" if parameter.kind is Kind.TEXTURE else names.of(parameter)


def _input(parameter: Parameter, names: Names) -> list[str]:
    own, file = names.of(parameter), input_file(parameter)
    if parameter.kind is Kind.BUFFER:
        const = "" if parameter.access.writes else "const "
        return [f'{const}auto {own} = read_numbers<{element_type(parameter.dtype)}>(vectors + "/{file}");']
    sizes = texture_sizes(parameter)
    return [
        f"auto {own} = make_texture(",
        f'    device.get(), read_numbers<char>(vectors + "/{file}"), MTL::TextureType{sizes.type}, MTL::PixelFormat{sizes.format},',
        f"    {size((sizes.width, sizes.height, sizes.depth))}, {sizes.layers}, {sizes.texel});",
    ]


def _compare(parameter: Parameter, names: Names) -> list[str]:
    dtype = _compared(parameter)
    kind = element_type(dtype)
    found = names.of(parameter)
    if parameter.kind is Kind.TEXTURE:
        found = f"texels<{kind}>({found}.get(), {texture_sizes(parameter).texel})"
    wanted = f'read_numbers<{kind}>(vectors + "/{expected_file(parameter)}")'
    if dtype.element is bf16:
        found, wanted = f"widen({found})", f"widen({wanted})"
    if not any(parameter.tolerance):
        return [f'right &= all_equal("{parameter.name}", {found}, {wanted});']
    relative, absolute = parameter.tolerance
    whole = f'right &= all_close("{parameter.name}", {found}, {wanted}, {relative:g}, {absolute:g});'
    if len(whole) <= 100:
        return [whole]
    return [
        f'right &= all_close("{parameter.name}", {found},',
        f"                   {wanted}, {relative:g}, {absolute:g});",
    ]


def _compared(parameter: Parameter) -> Numeric:
    """Return the dtype of the numbers in memory: of a texture, how its texels are stored."""
    if parameter.texture is None or parameter.array is None:
        return parameter.dtype
    return view(parameter.array, parameter.texture).format.stored


def _lines(text: str) -> Sequence[str]:
    return [*text.splitlines(), ""]


_READ = _lines("""\
/// Returns the numbers of a file.
template <typename Number>
std::vector<Number> read_numbers(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::vector<Number> numbers(bytes.size() / sizeof(Number));
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
    return numbers;
}""")

_CLOSE = _lines("""\
/// Returns whether numbers are as near to the expected ones as a GPU may round them, and says where they are not.
template <typename Number>
bool all_close(const char* name, const std::vector<Number>& found, const std::vector<Number>& expected,
               double relative, double absolute) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double got = double(found.at(i)), wanted = double(expected[i]);
        const bool same = got == wanted || (std::isnan(got) && std::isnan(wanted));
        if (same || (std::isfinite(wanted) && std::abs(got - wanted) <= absolute + relative * std::abs(wanted))) continue;
        std::printf("%s[%zu] is %g, but %g is expected\\n", name, i, got, wanted);
        return false;
    }
    std::printf("%s: %zu numbers are right\\n", name, expected.size());
    return true;
}""")

_EQUAL = _lines("""\
/// Returns whether numbers are the expected ones, and says where they are not.
template <typename Number>
bool all_equal(const char* name, const std::vector<Number>& found, const std::vector<Number>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (found.at(i) == expected[i]) continue;
        std::printf("%s[%zu] is %s, but %s is expected\\n", name, i, std::to_string(found[i]).c_str(),
                    std::to_string(expected[i]).c_str());
        return false;
    }
    std::printf("%s: %zu numbers are right\\n", name, expected.size());
    return true;
}""")

_WIDEN = _lines("""\
/// Returns the numbers whose upper halves are given: bfloat as float.
std::vector<float> widen(const std::vector<std::uint16_t>& halves) {
    std::vector<float> numbers(halves.size());
    for (std::size_t i = 0; i < halves.size(); ++i) {
        const std::uint32_t bits = std::uint32_t(halves[i]) << 16;
        std::memcpy(&numbers[i], &bits, sizeof bits);
    }
    return numbers;
}""")

_TEXTURE = _lines("""\
/// Returns a texture with these texels, each of so many bytes.
NS::SharedPtr<MTL::Texture> make_texture(MTL::Device* device, const std::vector<char>& bytes, MTL::TextureType type,
                                         MTL::PixelFormat format, MTL::Size size, NS::UInteger layers, NS::UInteger texel) {
    auto descriptor = NS::TransferPtr(MTL::TextureDescriptor::alloc()->init());
    descriptor->setTextureType(type);
    descriptor->setPixelFormat(format);
    descriptor->setWidth(size.width);
    descriptor->setHeight(size.height);
    descriptor->setDepth(size.depth);
    descriptor->setArrayLength(layers);
    descriptor->setUsage(MTL::TextureUsageShaderRead | MTL::TextureUsageShaderWrite);
    descriptor->setStorageMode(MTL::StorageModeShared);
    auto texture = NS::TransferPtr(device->newTexture(descriptor.get()));
    if (!texture) throw std::runtime_error("there is no memory for a texture");
    const NS::UInteger row = size.width * texel, image = row * size.height * size.depth;
    for (NS::UInteger layer = 0; layer < layers; ++layer) {
        texture->replaceRegion(MTL::Region(0, 0, 0, size.width, size.height, size.depth), 0, layer,
                               bytes.data() + layer * image, row, type == MTL::TextureType3D ? row * size.height : 0);
    }
    return texture;
}""")

_TEXELS = _lines("""\
/// Returns the numbers that a texture holds.
template <typename Number>
std::vector<Number> texels(MTL::Texture* texture, NS::UInteger texel) {
    const MTL::Size size(texture->width(), texture->height(), texture->depth());
    const NS::UInteger row = size.width * texel, image = row * size.height * size.depth, layers = texture->arrayLength();
    std::vector<Number> numbers(image * layers / sizeof(Number));
    for (NS::UInteger layer = 0; layer < layers; ++layer) {
        texture->getBytes(reinterpret_cast<char*>(numbers.data()) + layer * image, row,
                          texture->textureType() == MTL::TextureType3D ? row * size.height : 0,
                          MTL::Region(0, 0, 0, size.width, size.height, size.depth), 0, layer);
    }
    return numbers;
}""")
