"""The class of a Swift package that compiles a kernel and launches it."""

from __future__ import annotations

from dataclasses import dataclass

from enigma.export.bundle import Bundle, GivenConstant, Parameter
from enigma.export.host import HostNames, generated, indented, memory, structs
from enigma.export.targets.swift_language import (
    TAKEN_TYPES,
    WORDS,
    element_type,
    number_type,
    platforms,
    remark,
    size,
)
from enigma.trace.args import Kind
from enigma.trace.node import Struct

_LOCALS = (
    "device", "pipeline", "queue", "encoder", "commands", "grid", "threads", "source", "options", "library", "function", "error",
    "values", "descriptor", "maxThreads", "into", "check", "encode", "run", "read", "makeBuffer",
    "kernel", "vector", "texture", "texels", "numbers", "assertClose",
)  # fmt: skip
"""Names in the class and its test that no parameter may hide."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the class calls parameters, function constants, buffers in `run` and their offsets, and the types of structs."""

    parameters: dict[int, str]
    buffers: dict[int, str]
    offsets: dict[int, str]
    constants: dict[int, str]
    structs: dict[Struct, str]
    members: dict[tuple[Struct, str], str]

    def of(self, parameter: Parameter) -> str:
        """Return the name of a parameter."""
        return self.parameters[parameter.argument.slot]

    def buffer(self, parameter: Parameter) -> str:
        """Return the name of the buffer that `run` makes of an array; a texture is its own."""
        return self.buffers.get(parameter.argument.slot, self.of(parameter))

    def struct(self, parameter: Parameter) -> str:
        """Return the name of a struct's type; empty for what is none."""
        return "" if parameter.struct is None else self.structs[parameter.struct]


def names_of(bundle: Bundle, name: str) -> Names:
    """Return the names that a class has for what belongs to its kernel."""
    locals_, types = HostNames(WORDS, _LOCALS), HostNames(WORDS | TAKEN_TYPES, (name, "Failure"))
    parameters = {each.argument.slot: locals_.fresh(each.name) for each in bundle.parameters}
    stems = {
        each.argument.slot: parameters[each.argument.slot].rstrip("_")
        for each in bundle.parameters
        if each.kind is Kind.BUFFER
    }
    buffers = {slot: locals_.fresh(f"{stem}Buffer") for slot, stem in stems.items()}
    offsets = {slot: locals_.fresh(f"{stem}Offset") for slot, stem in stems.items()}
    constants = HostNames(WORDS, _LOCALS)
    kinds: dict[Struct, str] = {}
    members: dict[tuple[Struct, str], str] = {}
    for _, struct in structs(bundle):
        kinds[struct] = types.fresh(struct.name)
        inner = HostNames(WORDS)
        members |= {(struct, member.name): inner.fresh(member.name) for member in struct.members}
    return Names(
        parameters, buffers, offsets, {each.constant.index: constants.fresh(each.constant.name) for each in bundle.constants},
        kinds, members,
    )  # fmt: skip


def wrapper(bundle: Bundle, name: str) -> str:
    """Return the file of the class."""
    names = names_of(bundle, name)
    parts = [
        [f"// {generated(bundle)}", "", "import Metal", ""],
        [f"/// The Metal kernel `{bundle.name}`, compiled for one device. It may be used from several threads."],
        [f"public final class {name} {{"],
        indented(_failure(bundle)),
        *[indented(_struct(each, struct, names)) for each, struct in structs(bundle)],
        indented(_state(bundle)),
        indented(_init(bundle, name, names)),
        indented(_encode(bundle, name, names)),
        indented(_run(bundle, name, names)),
        indented(_check(bundle)),
        indented(_helpers(bundle)),
        ["}"],
    ]
    lines = [line for part in parts for line in part]
    while lines[-2] == "":
        del lines[-2]
    return "\n".join(lines) + "\n"


def _failure(bundle: Bundle) -> list[str]:
    family = [
        f"/// The GPU lacks what the kernel uses: it needs Apple's family {bundle.family} or a later one.",
        "case unsupportedDevice",
    ]
    whole = [
        "/// A threadgroup, perhaps a partial one, has so many threads, which is no multiple of 32.",
        "case partialSimdgroup(Int)",
    ]
    inner = [
        "/// There is no Metal device.",
        "case noDevice",
        *(family if bundle.family else []),
        "/// Metal had no memory left, or an array is empty.",
        "case outOfMemory",
        "/// A size of the launch is below 1.",
        "case emptyLaunch",
        "/// A threadgroup was to have so many threads, but the pipeline allows `limit`.",
        "case threadgroupTooLarge(Int, limit: Int)",
        *(whole if bundle.thread_multiple > 1 else []),
    ]
    return [
        "/// Why the kernel cannot be made or run; what Metal says itself is thrown as it is.",
        "public enum Failure: Error, Equatable {",
        *indented(inner),
        "}",
        "",
    ]


def _struct(parameter: Parameter, struct: Struct, names: Names) -> list[str]:
    members = [(names.members[struct, each.name], number_type(each.dtype)) for each in struct.members]
    return [
        f"/// What the kernel takes as `{parameter.name}`, laid out as in Metal.",
        f"public struct {names.struct(parameter)} {{",
        *(f"    public var {name}: {kind}" for name, kind in members),
        "",
        f"    public init({', '.join(f'{name}: {kind}' for name, kind in members)}) {{",
        *(f"        self.{name} = {name}" for name, _ in members),
        "    }",
        "}",
        "",
    ]


def _state(bundle: Bundle) -> list[str]:
    memory_used = bundle.program.threadgroup_bytes
    shared = f" A threadgroup uses {memory_used} bytes of threadgroup memory." if memory_used else ""
    return [
        "public let device: MTLDevice",
        "public let pipeline: MTLComputePipelineState",
        "private let queue: MTLCommandQueue",
        "",
        f"/// The threads of a threadgroup where nothing else is asked for.{shared}",
        f"public static var threads: MTLSize {{ {size(bundle.geometry.threads)} }}",
        "",
    ]


# ---- compiling


def _init(bundle: Bundle, name: str, names: Names) -> list[str]:
    needed = [each for each in bundle.constants if each.constant.default is None]
    optional = [each for each in bundle.constants if each.constant.default is not None]
    arguments = [
        "device: MTLDevice? = MTLCreateSystemDefaultDevice()",
        *(f"{names.constants[each.constant.index]}: {number_type(each.constant.dtype)}" for each in needed),
        *(f"{names.constants[each.constant.index]}: {number_type(each.constant.dtype)}? = nil" for each in optional),
        f"maxThreads: Int = {bundle.max_threads}",
    ]
    default = "A constant that is nil has its default. " if optional else ""
    family = [
        f"guard device.supportsFamily(.apple{bundle.family}) else {{ throw Failure.unsupportedDevice }}",
    ]
    body = [
        "guard let device = device else { throw Failure.noDevice }",
        *(family if bundle.family else []),
        "let options = MTLCompileOptions()",
        f"options.languageVersion = .version{bundle.language[0]}_{bundle.language[1]}",
        *_math(bundle),
        f"let library = try device.makeLibrary(source: {name}.source, options: options)",
        *(_specialised(bundle, names) if bundle.constants else _plain(bundle)),
        "let descriptor = MTLComputePipelineDescriptor()",
        "descriptor.computeFunction = function",
        "descriptor.maxTotalThreadsPerThreadgroup = maxThreads",
        "pipeline = try device.makeComputePipelineState(descriptor: descriptor, options: [], reflection: nil)",
        "guard let queue = device.makeCommandQueue() else { throw Failure.outOfMemory }",
        "self.device = device",
        "self.queue = queue",
    ]
    return [
        "/// Compiles the kernel for threadgroups of up to `maxThreads` threads.",
        f"/// {default}Throws what Metal says of it.",
        *_call("public init", arguments, " throws {"),
        *indented(body),
        "}",
        "",
    ]


def _math(bundle: Bundle) -> list[str]:
    mode, functions = ("fast", "fast") if bundle.is_fast else ("safe", "precise")
    now = [f"options.mathMode = .{mode}", f"options.mathFloatingPointFunctions = .{functions}"]
    if platforms(bundle.language).macos >= 15:
        return now
    return [
        "if #available(macOS 15, iOS 18, *) {",
        *indented(now),
        "} else {",
        f"    options.fastMathEnabled = {'true' if bundle.is_fast else 'false'}",
        "}",
    ]


def _plain(bundle: Bundle) -> list[str]:
    return [
        f'guard let function = library.makeFunction(name: "{bundle.entry}") else {{',
        f'    preconditionFailure("the library has no function {bundle.entry}")',
        "}",
    ]


def _specialised(bundle: Bundle, names: Names) -> list[str]:
    lines = ["let values = MTLFunctionConstantValues()"]
    for each in bundle.constants:
        lines += _constant(each, names.constants[each.constant.index])
    return [*lines, f'let function = try library.makeFunction(name: "{bundle.entry}", constantValues: values)']


def _constant(given: GivenConstant, name: str) -> list[str]:
    constant = given.constant
    setting = f"values.setConstantValue(&{name}, type: .{constant.dtype.metal_name}, index: {constant.index})"
    if constant.default is None:
        return [f"var {name} = {name}", setting]
    return [f"if var {name} = {name} {{", f"    {setting}", "}"]


# ---- launching


def _call(head: str, arguments: list[str], tail: str) -> list[str]:
    """Return a function's head: on one line if it is short, else each argument on a line of its own."""
    whole = f"{head}({', '.join(arguments)}){tail}"
    if len(whole) <= 100:
        return [whole]
    return [f"{head}(", *(f"    {each}," for each in arguments[:-1]), f"    {arguments[-1]}", f"){tail}"]


def _sizes(name: str) -> list[str]:
    return ["grid: MTLSize", f"threads: MTLSize = {name}.threads"]


def _value_type(parameter: Parameter, names: Names) -> str:
    return names.struct(parameter) if parameter.struct is not None else number_type(parameter.dtype)


def _encode(bundle: Bundle, name: str, names: Names) -> list[str]:
    arguments, body = ["into encoder: MTLComputeCommandEncoder"], ["try check(grid: grid, threads: threads)"]
    body.append("encoder.setComputePipelineState(pipeline)")
    for each in bundle.parameters:
        own = names.of(each)
        match each.kind:
            case Kind.BUFFER:
                offset = names.offsets[each.argument.slot]
                arguments += [f"{own}: MTLBuffer", f"{offset}: Int = 0"]
                body.append(f"encoder.setBuffer({own}, offset: {offset}, index: {each.index})")
            case Kind.TEXTURE:
                arguments.append(f"{own}: MTLTexture")
                body.append(f"encoder.setTexture({own}, index: {each.index})")
            case _:
                kind = _value_type(each, names)
                arguments.append(f"{own}: {kind}")
                body += [
                    f"var {own} = {own}",
                    f"encoder.setBytes(&{own}, length: MemoryLayout<{kind}>.stride, index: {each.index})",
                ]
    body.append("encoder.dispatchThreads(grid, threadsPerThreadgroup: threads)")
    offsets = ", offsets are in bytes" if any(each.kind is Kind.BUFFER for each in bundle.parameters) else ""
    return [
        f"/// Encodes one launch: `grid` counts threads in all{offsets}.",
        *_call("public func encode", [*arguments, *_sizes(name)], " throws {"),
        *indented(body),
        "}",
        "",
    ]


def _run(bundle: Bundle, name: str, names: Names) -> list[str]:
    arguments: list[str] = []
    passed = ["into: encoder"]
    said: list[str] = []
    for each in bundle.parameters:
        own = names.of(each)
        match each.kind:
            case Kind.BUFFER:
                kind = f"[{element_type(each.dtype)}]"
                arguments.append(f"{own}: {'inout ' if each.access.writes else ''}{kind}")
            case Kind.TEXTURE:
                arguments.append(f"{own}: MTLTexture")
            case _:
                arguments.append(f"{own}: {_value_type(each, names)}")
        said += [f"///   - {own}: {remark(each)}"] if remark(each) else []
        passed.append(f"{own}: {names.buffer(each)}")
    passed += ["grid: grid", "threads: threads"]
    buffers = [each for each in memory(bundle) if each.kind is Kind.BUFFER]
    body = [
        *(f"let {names.buffer(each)} = try makeBuffer({names.of(each)})" for each in buffers),
        "guard let commands = queue.makeCommandBuffer(),",
        "    let encoder = commands.makeComputeCommandEncoder()",
        "else { throw Failure.outOfMemory }",
        "do {",
        "    defer { encoder.endEncoding() }",
        *indented(_call("try encode", passed, "")),
        "}",
        "commands.commit()",
        "commands.waitUntilCompleted()",
        "if let error = commands.error { throw error }",
        *(f"read({names.buffer(each)}, into: &{names.of(each)})" for each in buffers if each.access.writes),
    ]
    return [
        "/// Runs the kernel once on copies of the arrays, and waits for it.",
        *(["/// - Parameters:", *said] if said else []),
        *_call("public func run", [*arguments, *_sizes(name)], " throws {"),
        *indented(body),
        "}",
        "",
    ]


def _check(bundle: Bundle) -> list[str]:
    whole = [
        "// simdgroups hold matrices together, so each must be whole, in partial threadgroups too",
        "func sides(_ grid: Int, _ threads: Int) -> [Int] {",
        "    grid < threads ? [grid] : grid % threads == 0 ? [threads] : [threads, grid % threads]",
        "}",
        "for x in sides(grid.width, threads.width) {",
        "    for y in sides(grid.height, threads.height) {",
        "        for z in sides(grid.depth, threads.depth) where x * y * z % 32 != 0 {",
        "            throw Failure.partialSimdgroup(x * y * z)",
        "        }",
        "    }",
        "}",
    ]
    body = [
        "let sizes = [grid.width, grid.height, grid.depth, threads.width, threads.height, threads.depth]",
        "guard sizes.allSatisfy({ $0 > 0 }) else { throw Failure.emptyLaunch }",
        "let count = threads.width * threads.height * threads.depth",
        "let limit = pipeline.maxTotalThreadsPerThreadgroup",
        "guard count <= limit else { throw Failure.threadgroupTooLarge(count, limit: limit) }",
        *(whole if bundle.thread_multiple > 1 else []),
    ]
    return ["private func check(grid: MTLSize, threads: MTLSize) throws {", *indented(body), "}", ""]


def _helpers(bundle: Bundle) -> list[str]:
    buffers = [each for each in memory(bundle) if each.kind is Kind.BUFFER]
    make = [
        "private func makeBuffer<Element>(_ array: [Element]) throws -> MTLBuffer {",
        "    let made = array.withUnsafeBytes { bytes in",
        "        bytes.baseAddress.flatMap { device.makeBuffer(bytes: $0, length: bytes.count, options: .storageModeShared) }",
        "    }",
        "    guard let buffer = made else { throw Failure.outOfMemory }",
        "    return buffer",
        "}",
        "",
    ]
    read = [
        "private func read<Element>(_ buffer: MTLBuffer, into array: inout [Element]) {",
        "    array.withUnsafeMutableBytes { bytes in",
        "        bytes.copyMemory(from: UnsafeRawBufferPointer(start: buffer.contents(), count: bytes.count))",
        "    }",
        "}",
        "",
    ]
    return [*(make if buffers else []), *(read if any(each.access.writes for each in buffers) else [])]
