"""The header of the C++ host code: a class on metal-cpp that compiles a kernel and launches it."""

from __future__ import annotations

from dataclasses import dataclass

from enigma.export.bundle import Bundle, GivenConstant, Parameter
from enigma.export.host import HostNames, generated, indented, memory, structs
from enigma.export.targets.cpp_language import DATA_TYPES, WORDS, element_type, number_type, remark, size
from enigma.trace.args import Kind
from enigma.trace.node import Struct

_LOCALS = (
    "device", "encoder", "commands", "grid", "threads", "pool", "options", "library", "function", "error", "values", "descriptor",
    "max_threads", "check", "encode", "run", "read", "make_buffer", "string", "fail", "pipeline", "default_threads",
    "main", "argc", "argv", "vectors", "kernel", "read_numbers", "all_close", "all_equal", "widen", "make_texture", "texels",
    "right",
)  # fmt: skip
"""Names in the class and the program that no parameter may hide."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the class calls parameters, function constants, buffers in `run`, and the types of structs and their members."""

    parameters: dict[int, str]
    buffers: dict[int, str]
    constants: dict[int, str]
    structs: dict[Struct, str]
    members: dict[tuple[Struct, str], str]

    def of(self, parameter: Parameter) -> str:
        """Return the name of a parameter."""
        return self.parameters[parameter.argument.slot]

    def passed(self, parameter: Parameter) -> str:
        """Return what `run` passes on to `encode`."""
        slot = parameter.argument.slot
        return f"{self.buffers[slot]}.get()" if slot in self.buffers else self.parameters[slot]

    def struct(self, parameter: Parameter) -> str:
        """Return the name of a struct's type; empty for what is none."""
        return "" if parameter.struct is None else self.structs[parameter.struct]


def names_of(bundle: Bundle, name: str) -> Names:
    """Return the names that a class has for what belongs to its kernel."""
    own, types, constants = HostNames(WORDS, _LOCALS), HostNames(WORDS, (name, "Slice")), HostNames(WORDS, _LOCALS)
    parameters = {each.argument.slot: own.fresh(each.name) for each in bundle.parameters}
    buffers = {
        each.argument.slot: own.fresh(f"{parameters[each.argument.slot].rstrip('_')}_buffer")
        for each in bundle.parameters
        if each.kind is Kind.BUFFER
    }
    kinds: dict[Struct, str] = {}
    members: dict[tuple[Struct, str], str] = {}
    for _, struct in structs(bundle):
        kinds[struct] = types.fresh(struct.name)
        inner = HostNames(WORDS, (kinds[struct],))
        members |= {(struct, member.name): inner.fresh(member.name) for member in struct.members}
    return Names(
        parameters, buffers, {each.constant.index: constants.fresh(each.constant.name) for each in bundle.constants},
        kinds, members,
    )  # fmt: skip


def wrapper(bundle: Bundle, name: str, stem: str) -> str:
    """Return the header of the class; `stem` is what its files are called."""
    names = names_of(bundle, name)
    optional = any(each.constant.default is not None for each in bundle.constants)
    standard = ["cstddef", "cstdint", "stdexcept", "string", "vector"]
    standard += ["algorithm"] if any(each.access.writes for each in _buffers(bundle)) else []
    standard += ["optional"] if optional else []
    parts = [
        [f"// {generated(bundle)}", "#pragma once", ""],
        ["#include <Foundation/Foundation.hpp>", "#include <Metal/Metal.hpp>", ""],
        [*(f"#include <{header}>" for header in sorted(standard)), ""],
        [f'#include "{stem}_source.hpp"', ""],
        [f"/// The Metal kernel {bundle.name}, compiled for one device. It may be used from several threads."],
        [f"class {name} {{", "public:"],
        *[indented(_struct(each, struct, names)) for each, struct in structs(bundle)],
        indented(_SLICE if _buffers(bundle) else []),
        indented(_sizes(bundle)),
        indented(_constructor(bundle, name, stem, names)),
        indented(_encode(bundle, names)),
        indented(_run(bundle, names)),
        ["private:"],
        indented(_check(bundle)),
        indented(_helpers(bundle)),
        ["    NS::SharedPtr<MTL::Device> device_;", "    NS::SharedPtr<MTL::ComputePipelineState> pipeline_;"],
        ["    NS::SharedPtr<MTL::CommandQueue> queue_;", "};"],
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def _buffers(bundle: Bundle) -> list[Parameter]:
    return [each for each in memory(bundle) if each.kind is Kind.BUFFER]


def _struct(parameter: Parameter, struct: Struct, names: Names) -> list[str]:
    kind = names.struct(parameter)
    members = [(names.members[struct, each.name], number_type(each.dtype)) for each in struct.members]
    places = [
        f"static_assert(offsetof({kind}, {name}) == {offset});"
        for (name, _), offset in zip(members, struct.offsets, strict=True)
    ]
    return [
        f"/// What the kernel takes as {parameter.name}, laid out as in Metal.",
        f"struct {kind} {{",
        *(f"    {type_name} {name};" for name, type_name in members),
        "};",
        f"static_assert(sizeof({kind}) == {struct.size});",
        *places[1:],
        "",
    ]


_SLICE = [
    "/// A buffer, and the byte in it where an array begins.",
    "struct Slice {",
    "    MTL::Buffer* buffer;",
    "    NS::UInteger offset;",
    "",
    "    Slice(MTL::Buffer* buffer, NS::UInteger offset = 0) : buffer(buffer), offset(offset) {}",
    "};",
    "",
]


def _sizes(bundle: Bundle) -> list[str]:
    used = bundle.program.threadgroup_bytes
    shared = f" It uses {used} bytes of threadgroup memory." if used else ""
    return [
        f"/// The threads of a threadgroup where nothing else is asked for.{shared}",
        f"static MTL::Size default_threads() {{ return {size(bundle.geometry.threads)}; }}",
        "",
    ]


# ---- compiling


def _constructor(bundle: Bundle, name: str, stem: str, names: Names) -> list[str]:
    needed = [each for each in bundle.constants if each.constant.default is None]
    optional = [each for each in bundle.constants if each.constant.default is not None]
    arguments = [
        "MTL::Device* device",
        *(f"{number_type(each.constant.dtype)} {names.constants[each.constant.index]}" for each in needed),
        *(
            f"std::optional<{number_type(each.constant.dtype)}> {names.constants[each.constant.index]} = std::nullopt"
            for each in optional
        ),
        f"NS::UInteger max_threads = {bundle.max_threads}",
    ]
    family = [
        f"if (!device->supportsFamily(MTL::GPUFamilyApple{bundle.family})) {{",
        f'    throw std::runtime_error("{bundle.name} needs a GPU of Apple\'s family {bundle.family} or later");',
        "}",
    ]
    body = [
        'if (!device) throw std::runtime_error("there is no Metal device");',
        *(family if bundle.family else []),
        "device_ = NS::RetainPtr(device);",
        "auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());",
        "auto options = NS::TransferPtr(MTL::CompileOptions::alloc()->init());",
        f"options->setLanguageVersion(MTL::LanguageVersion{bundle.language[0]}_{bundle.language[1]});",
        *_math(bundle),
        "NS::Error* error = nullptr;",
        f"auto library = NS::TransferPtr(device->newLibrary(string({stem}_source), options.get(), &error));",
        f'if (!library) fail("the Metal compiler refused {bundle.name}", error);',
        *(_specialised(bundle, names) if bundle.constants else _plain(bundle)),
        f'if (!function) fail("the library has no function {bundle.entry}", error);',
        "auto descriptor = NS::TransferPtr(MTL::ComputePipelineDescriptor::alloc()->init());",
        "descriptor->setComputeFunction(function.get());",
        "descriptor->setMaxTotalThreadsPerThreadgroup(max_threads);",
        "pipeline_ = NS::TransferPtr(",
        "    device->newComputePipelineState(descriptor.get(), MTL::PipelineOptionNone, nullptr, &error));",
        f'if (!pipeline_) fail("there is no pipeline of {bundle.name}", error);',
        "queue_ = NS::TransferPtr(device->newCommandQueue());",
        'if (!queue_) fail("there is no command queue", nullptr);',
    ]
    default = " A constant that is not given has its default." if optional else ""
    return [
        f"/// Compiles the kernel for threadgroups of up to max_threads threads.{default}",
        "/// Throws std::runtime_error with what Metal says of it.",
        *_call(f"explicit {name}", arguments, " {"),
        *indented(body),
        "}",
        "",
    ]


def _math(bundle: Bundle) -> list[str]:
    mode, functions = ("Fast", "Fast") if bundle.is_fast else ("Safe", "Precise")
    return [
        "if (__builtin_available(macOS 15, iOS 18, *)) {",
        f"    options->setMathMode(MTL::MathMode{mode});",
        f"    options->setMathFloatingPointFunctions(MTL::MathFloatingPointFunctions{functions});",
        "} else {",
        f"    options->setFastMathEnabled({'true' if bundle.is_fast else 'false'});",
        "}",
    ]


def _plain(bundle: Bundle) -> list[str]:
    return [f'auto function = NS::TransferPtr(library->newFunction(string("{bundle.entry}")));']


def _specialised(bundle: Bundle, names: Names) -> list[str]:
    lines = ["auto values = NS::TransferPtr(MTL::FunctionConstantValues::alloc()->init());"]
    for each in bundle.constants:
        lines += _constant(each, names.constants[each.constant.index])
    return [
        *lines,
        f'auto function = NS::TransferPtr(library->newFunction(string("{bundle.entry}"), values.get(), &error));',
    ]


def _constant(given: GivenConstant, name: str) -> list[str]:
    constant = given.constant
    kind = f"MTL::DataType{DATA_TYPES[constant.dtype.name]}"
    if constant.default is None:
        return [f"values->setConstantValue(&{name}, {kind}, {constant.index});"]
    return [f"if ({name}) values->setConstantValue(&*{name}, {kind}, {constant.index});"]


# ---- launching


def _call(head: str, arguments: list[str], tail: str) -> list[str]:
    """Return a function's head: on one line if it is short, else each argument on a line of its own."""
    whole = f"{head}({', '.join(arguments)}){tail}"
    if len(whole) <= 100:
        return [whole]
    return [f"{head}(", *(f"    {each}," for each in arguments[:-1]), f"    {arguments[-1]}){tail}"]


_SIZES = ["MTL::Size grid", "MTL::Size threads = default_threads()"]


def _value_type(parameter: Parameter, names: Names) -> str:
    return f"const {names.struct(parameter)}&" if parameter.struct is not None else number_type(parameter.dtype)


def _encode(bundle: Bundle, names: Names) -> list[str]:
    arguments = ["MTL::ComputeCommandEncoder* encoder"]
    body = ["check(grid, threads);", "encoder->setComputePipelineState(pipeline_.get());"]
    for each in bundle.parameters:
        own = names.of(each)
        match each.kind:
            case Kind.BUFFER:
                arguments.append(f"Slice {own}")
                body.append(f"encoder->setBuffer({own}.buffer, {own}.offset, {each.index});")
            case Kind.TEXTURE:
                arguments.append(f"MTL::Texture* {own}")
                body.append(f"encoder->setTexture({own}, {each.index});")
            case _:
                arguments.append(f"{_value_type(each, names)} {own}")
                body.append(f"encoder->setBytes(&{own}, sizeof({own}), {each.index});")
    body.append("encoder->dispatchThreads(grid, threads);")
    return [
        "/// Encodes one launch: grid counts threads in all. Throws std::runtime_error for a size that is not allowed.",
        *_call("void encode", [*arguments, *_SIZES], " const {"),
        *indented(body),
        "}",
        "",
    ]


def _run(bundle: Bundle, names: Names) -> list[str]:
    arguments: list[str] = []
    said: list[str] = []
    for each in bundle.parameters:
        own = names.of(each)
        match each.kind:
            case Kind.BUFFER:
                const = "" if each.access.writes else "const "
                arguments.append(f"{const}std::vector<{element_type(each.dtype)}>& {own}")
            case Kind.TEXTURE:
                arguments.append(f"MTL::Texture* {own}")
            case _:
                arguments.append(f"{_value_type(each, names)} {own}")
        said += [f"/// - {own}: {remark(each)}"] if remark(each) else []
    buffers = _buffers(bundle)
    passed = ["encoder", *(names.passed(each) for each in bundle.parameters), "grid", "threads"]
    body = [
        "check(grid, threads);",
        "auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());",
        *(f"auto {names.buffers[each.argument.slot]} = make_buffer({names.of(each)});" for each in buffers),
        "MTL::CommandBuffer* commands = queue_->commandBuffer();",
        "MTL::ComputeCommandEncoder* encoder = commands->computeCommandEncoder();",
        *_call("encode", passed, ";"),
        "encoder->endEncoding();",
        "commands->commit();",
        "commands->waitUntilCompleted();",
        f'if (commands->error()) fail("the launch of {bundle.name} failed", commands->error());',
        *(f"read({names.passed(each)}, {names.of(each)});" for each in buffers if each.access.writes),
    ]
    return [
        "/// Runs the kernel once on copies of the arrays, and waits for it.",
        *said,
        *_call("void run", [*arguments, *_SIZES], " const {"),
        *indented(body),
        "}",
        "",
    ]


def _check(bundle: Bundle) -> list[str]:
    whole = [
        "// simdgroups hold matrices together, so each must be whole, in partial threadgroups too",
        "const auto sides = [](NS::UInteger total, NS::UInteger group) {",
        "    if (total < group) return std::vector<NS::UInteger>{total};",
        "    if (total % group == 0) return std::vector<NS::UInteger>{group};",
        "    return std::vector<NS::UInteger>{group, total % group};",
        "};",
        "for (NS::UInteger x : sides(grid.width, threads.width)) {",
        "    for (NS::UInteger y : sides(grid.height, threads.height)) {",
        "        for (NS::UInteger z : sides(grid.depth, threads.depth)) {",
        "            if (x * y * z % 32 == 0) continue;",
        '            throw std::runtime_error("a threadgroup of " + std::to_string(x * y * z) + " threads is no multiple of 32");',
        "        }",
        "    }",
        "}",
    ]
    body = [
        "const NS::UInteger count = threads.width * threads.height * threads.depth;",
        "if (grid.width * grid.height * grid.depth == 0 || count == 0) {",
        '    throw std::runtime_error("a size of the launch is 0");',
        "}",
        "const NS::UInteger limit = pipeline_->maxTotalThreadsPerThreadgroup();",
        "if (count > limit) {",
        '    throw std::runtime_error("a threadgroup has " + std::to_string(count) + " threads, but the pipeline allows "',
        "                             + std::to_string(limit));",
        "}",
        *(whole if bundle.thread_multiple > 1 else []),
    ]
    return ["void check(MTL::Size grid, MTL::Size threads) const {", *indented(body), "}", ""]


def _helpers(bundle: Bundle) -> list[str]:
    make = """\
    template <typename Number>
    NS::SharedPtr<MTL::Buffer> make_buffer(const std::vector<Number>& numbers) const {
        const NS::UInteger length = numbers.size() * sizeof(Number);
        auto buffer = NS::TransferPtr(
            length ? device_->newBuffer(numbers.data(), length, MTL::ResourceStorageModeShared) : nullptr);
        if (!buffer) fail("there is no memory for an array, or it is empty", nullptr);
        return buffer;
    }
"""
    read = """\
    template <typename Number>
    static void read(MTL::Buffer* buffer, std::vector<Number>& numbers) {
        const Number* first = static_cast<const Number*>(buffer->contents());
        std::copy(first, first + numbers.size(), numbers.begin());
    }
"""
    common = """\
    static NS::String* string(const char* text) { return NS::String::string(text, NS::UTF8StringEncoding); }

    [[noreturn]] static void fail(const std::string& what, NS::Error* error) {
        throw std::runtime_error(error ? what + ": " + error->localizedDescription()->utf8String() : what);
    }
"""
    buffers = _buffers(bundle)
    parts = [make] * bool(buffers) + [read] * any(each.access.writes for each in buffers) + [common]
    return [line.removeprefix("    ") for part in parts for line in [*part.splitlines(), ""]]
