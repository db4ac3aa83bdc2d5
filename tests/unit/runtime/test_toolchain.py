"""Apple's tools, played by a stand-in: exact command lines, what is kept, and an own error for each way to fail."""

from __future__ import annotations

import doctest
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import enigma
from enigma.errors import ToolchainError
from enigma.runtime import diagnostics, toolchain
from enigma.source import SourceLoc
from enigma.spec.terms import Precision
from tests.unit.runtime.launched import add
from tests.unit.runtime.stand_in import XcrunStandIn, put_on_path

SOURCE = "#include <metal_stdlib>\nusing namespace metal;\nkernel void k() {}\n"


@pytest.fixture
def xcrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> XcrunStandIn:
    return put_on_path(tmp_path / "bin", monkeypatch)


def failure(folder: Path | None, *, keep: bool = False) -> ToolchainError:
    with pytest.raises(ToolchainError) as caught:
        toolchain.build("k", SOURCE, folder, keep_source=keep)
    assert isinstance(caught.value, RuntimeError)
    return caught.value


def test_the_command_lines_are_exact(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    library = toolchain.build("k", SOURCE, folder, keep_source=False)
    metal, air, metallib = (str(folder / f"k.{suffix}") for suffix in ("metal", "air", "metallib"))
    assert xcrun.calls == [
        ["-sdk", "macosx", "metal", "--version"],
        ["-sdk", "macosx", "metal", "-std=metal3.0", "-fno-fast-math", "-c", metal, "-o", air],
        ["-sdk", "macosx", "metallib", air, "-o", metallib],
    ]
    assert str(library.path) == metallib
    assert library.content == b"MTLBAIR:" + SOURCE.encode() == Path(metallib).read_bytes()


def test_the_example_of_the_flags_holds() -> None:
    assert doctest.testmod(toolchain).attempted
    assert not doctest.testmod(toolchain).failed


@enigma.kernel
def speaks(A: enigma.f32):  # type: ignore[valid-type]
    enigma.print(A[0])


@enigma.kernel
def brain(A: enigma.bf16):  # type: ignore[valid-type]
    A[0] = A[0] + A[0]


@pytest.mark.parametrize(
    ("kernel", "options", "flags"),
    [
        (add, {}, ["-std=metal3.0", "-fno-fast-math"]),
        (add, {"math": "precise"}, ["-std=metal3.0", "-fno-fast-math"]),
        (add, {"math": "fast"}, ["-std=metal3.0", "-ffast-math"]),  # pitfall 90: only where it is asked for
        (brain, {}, ["-std=metal3.1", "-fno-fast-math"]),
        (speaks, {}, ["-std=metal3.2", "-fno-fast-math", "-fmetal-enable-logging"]),
        (add, {"source_map": True}, ["-std=metal3.0", "-fno-fast-math", "-gline-tables-only", "-frecord-sources"]),
    ],
)
def test_the_flags_are_what_the_kernel_needs(
    kernel: Any, options: dict[str, Any], flags: list[str], xcrun: XcrunStandIn, tmp_path: Path
) -> None:
    enigma.compile(kernel, emit_only=False, work_dir=tmp_path, **options)
    call = xcrun.builds[0]
    assert call[2 : call.index("-c")] == ["metal", *flags]


# ---- the cache


def test_what_was_built_before_comes_from_the_disk(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    first = toolchain.build("k", SOURCE, tmp_path / "a", keep_source=False)
    again = toolchain.build("k", SOURCE, tmp_path / "b", keep_source=True)
    assert len(xcrun.builds) == 2
    assert first.content == again.content == (tmp_path / "b" / "k.metallib").read_bytes()
    assert (tmp_path / "b" / "k.air").read_bytes() == b"AIR:" + SOURCE.encode()
    assert (tmp_path / "b" / "k.metal").read_text() == SOURCE


def test_other_text_flags_or_compilers_build_anew(
    xcrun: XcrunStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(source: str = SOURCE, folder: str = "w", **options: Any) -> None:
        toolchain.build("k", source, tmp_path / folder, keep_source=False, options=toolchain.Options(**options))

    for number, action in enumerate((
        build, lambda: build(SOURCE + "//"), lambda: build(math=Precision.FAST), lambda: build(language=(3, 1)),
        lambda: build(debug=True), lambda: build(debug=True, folder="v"),
    ), 1):  # fmt: skip
        action()
        assert len(xcrun.builds) == 2 * number
        action()
        assert len(xcrun.builds) == 2 * number
    monkeypatch.setenv("DEVELOPER_DIR", "/Applications/Xcode-next.app")
    monkeypatch.setenv("XCRUN_VERSION", "40000.1")
    build()
    assert len(xcrun.builds) == 14
    monkeypatch.setenv(
        "MACOSX_DEPLOYMENT_TARGET", "13.0"
    )  # clang takes it for the oldest system that the library is for
    build()
    build()
    assert len(xcrun.builds) == 16
    monkeypatch.setenv("ENIGMA_NO_CACHE", "1")
    build()
    assert len(xcrun.builds) == 18


def test_a_spoilt_entry_is_built_anew_and_a_failure_is_not_kept(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave("error")
    failure(tmp_path)
    xcrun.behave("works")
    good = toolchain.build("k", SOURCE, tmp_path, keep_source=False).content
    (entry,) = (xcrun.folder / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:-9] + b"nonsense!")
    assert toolchain.build("k", SOURCE, tmp_path, keep_source=False).content == good
    assert len(xcrun.builds) == 5


def test_only_the_library_stays(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    toolchain.build("k", SOURCE, tmp_path / "w", keep_source=False)
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["k.metallib"]


def test_source_and_air_stay_when_asked_for(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    toolchain.build("k", SOURCE, tmp_path / "w", keep_source=True)
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["k.air", "k.metal", "k.metallib"]
    assert (tmp_path / "w" / "k.metal").read_text() == SOURCE


def test_without_a_folder_a_new_one_is_made(xcrun: XcrunStandIn) -> None:
    one, two = (toolchain.build("k", SOURCE, None, keep_source=False).path for _ in range(2))
    assert one.parent != two.parent
    assert one.parent.name.startswith("enigma_")


def test_a_mac_without_the_compiler_stops_at_text_where_nobody_asked_for_a_library(
    xcrun: XcrunStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("ENIGMA_EMIT_ONLY", raising=False)
    for mode in ("clt", "no-toolchain"):
        xcrun.behave(mode)
        assert not enigma.compile(add, work_dir=tmp_path / "w").has_metallib
        asked = len(xcrun.calls)
        assert not enigma.compile(add, work_dir=tmp_path / "w").has_metallib
        assert len(xcrun.calls) == asked  # a tool that cannot work is asked once
    with pytest.raises(ToolchainError, match="without its Metal toolchain"):
        enigma.compile(add, work_dir=tmp_path / "w", emit_only=False)
    xcrun.behave("works")
    assert enigma.compile(add, work_dir=tmp_path / "w").has_metallib
    asked = len(xcrun.calls)
    select = xcrun.folder / "xcode-select"
    select.write_text("#!/bin/sh\nexit 2\n")
    select.chmod(0o755)
    assert not enigma.compile(add, work_dir=tmp_path / "w").has_metallib
    assert len(xcrun.calls) == asked  # xcrun would open a window that offers to install developer tools


def test_compile_builds_the_library(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    compiled = enigma.compile(add, emit_only=False, work_dir=str(tmp_path / "w"), keep_metal_source=True)
    assert compiled.has_metallib
    assert compiled.metallib_path == str(tmp_path / "w" / "add.metallib")
    assert compiled.metallib_bytes == b"MTLBAIR:" + compiled.metal_source.encode()
    assert (tmp_path / "w" / "add.metal").read_text() == compiled.metal_source


def test_without_xcrun_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = failure(tmp_path / "w")
    assert str(error) == (
        "xcrun was not found, so no .metallib can be built\n  help: on a Mac install Xcode; elsewhere pass emit_only=True "
        "(or set ENIGMA_EMIT_ONLY=1) to stop at Metal source"
    )
    assert not (tmp_path / "w").exists()


XCODE = "run `sudo xcode-select -s /Applications/Xcode.app`"
FAILURES = {
    "clt": (
        "only Apple's Command Line Tools are here, which have no Metal compiler",
        72, 'xcrun: error: unable to find utility "metal", not a developer tool or in PATH', f"install Xcode, then {XCODE}",
    ),
    "no-toolchain": (
        "this Xcode is without its Metal toolchain, which is a download of its own since Xcode 26",
        1, "error: error: cannot execute tool 'metal' due to missing Metal Toolchain; "
        "use: xcodebuild -downloadComponent MetalToolchain", "run `xcodebuild -downloadComponent MetalToolchain`",
    ),
    "no-sdk": (
        "the developer folder that is selected has no SDK for macOS",
        1, "xcrun: error: SDK \"macosx\" cannot be located\nxcrun: error: unable to lookup item 'Path' in SDK 'macosx'",
        f"install Xcode, then {XCODE}",
    ),
    "no-developer-path": (
        "the folder that xcode-select names is no developer folder any more",
        1, "xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools), missing xcrun at: "
        "/Library/Developer/CommandLineTools/usr/bin/xcrun",
        "run `xcode-select --install`, or install Xcode and select it with `sudo xcode-select -s`",
    ),
    "no-developer-dir": (
        "DEVELOPER_DIR names a folder that is not there",
        1, "xcrun: error: missing DEVELOPER_DIR path: /Applications/Xcode-beta.app/Contents/Developer",
        f"unset DEVELOPER_DIR, or let it name an Xcode; without it {XCODE}",
    ),
    "no-tools": (
        "no developer tools are installed",
        1, "xcode-select: note: No developer tools were found, requesting install.\nIf developer tools are located at a "
        "non-default location on disk, use `sudo xcode-select --switch path/to/Xcode.app`", f"install Xcode, then {XCODE}",
    ),
    "license": (
        "nobody has agreed to Xcode's license on this machine",
        69, "You have not agreed to the Xcode license agreements.", "run `sudo xcodebuild -license accept`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", FAILURES)
def test_a_missing_part_has_its_own_message_and_advice(mode: str, xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave(mode)
    meaning, code, said, advice = FAILURES[mode]
    command = "xcrun -sdk macosx metal --version"
    assert (
        str(failure(tmp_path / "w")) == f"{meaning}\n{command}\nfailed with exit code {code}:\n{said}\n  help: {advice}"
    )
    assert len(xcrun.calls) == 1
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("newest", "needed", "xcode"), [("3.0", (3, 1), "15"), ("3.1", (3, 2), "16"), ("3.2", (4, 0), "26")]
)
def test_an_xcode_that_is_too_old_for_the_language(
    newest: str,
    needed: tuple[int, int],
    xcode: str,
    xcrun: XcrunStandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XCRUN_NEWEST", newest)
    with pytest.raises(ToolchainError) as caught:
        toolchain.build("k", SOURCE, tmp_path, keep_source=False, options=toolchain.Options(needed))
    version = f"{needed[0]}.{needed[1]}"
    assert str(caught.value) == (
        f"the Metal compiler of this Xcode does not have Metal {version}, which the kernel needs\n"
        f"xcrun -sdk macosx metal -std=metal{version} -fno-fast-math -c {tmp_path}/k.metal -o {tmp_path}/k.air\n"
        f"failed with exit code 1:\nerror: invalid value 'metal{version}' in '-std=metal{version}'\n"
        f"note: use 'metal3.0' for 'Metal 3.0' standard\n  help: install Xcode {xcode} or later, then {XCODE}"
    )


def test_a_language_that_no_xcode_is_known_for(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"does not have Metal 5\.0") as caught:
        toolchain.build("k", SOURCE, tmp_path, keep_source=False, options=toolchain.Options((5, 0)))
    assert caught.value.help == f"install a later Xcode, then {XCODE}"


def test_a_tool_that_says_nothing_is_quoted_with_its_exit_code(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave("crash")
    assert str(failure(tmp_path / "w")) == (
        "xcrun -sdk macosx metal --version\nfailed with exit code 254, and said nothing"
    )


def test_the_second_tool_fails_under_its_own_command(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave("metallib-error")
    assert str(failure(tmp_path / "w", keep=True)) == (
        f"xcrun -sdk macosx metallib {tmp_path}/w/k.air -o {tmp_path}/w/k.metallib\nfailed with exit code 1:\n"
        f"air-lld: error: {tmp_path}/w/k.air: not an AIR file"
    )
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["k.air", "k.metal"]


@pytest.mark.parametrize(("mode", "product"), [("no-air", "k.air"), ("no-metallib", "k.metallib")])
def test_success_without_the_product_is_a_failure(mode: str, product: str, xcrun: XcrunStandIn, tmp_path: Path) -> None:
    toolchain.build("k", SOURCE + "//", tmp_path / "w", keep_source=True)  # it must not pass for the new product
    xcrun.behave(mode)
    text = str(failure(tmp_path / "w"))
    assert text.endswith(
        f"\nsucceeded, but made no {product}\n  help: run the command by hand: the tools of this Xcode may be damaged"
    )


def test_a_mistake_in_the_source_is_shown_with_its_python_line(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    compiled = enigma.compile(add)
    number = next(k for k, line in enumerate(compiled.metal_source.splitlines(), 1) if "C[" in line)
    xcrun.behave("error", number)
    with pytest.raises(ToolchainError) as caught:
        enigma.compile(add, emit_only=False, work_dir=tmp_path / "w")
    text = str(caught.value)
    assert f"add.metal:{number}:9: error: use of undeclared identifier 'q'\n" in text
    assert "note: use of undeclared identifier 'q'\n    C[i] = A[i] + B[i]\n    ^" in text
    assert text.endswith(
        "help: Metal source that does not compile is a bug in enigma: please report it with the kernel"
    )
    ((_, place),) = caught.value.notes
    assert isinstance(place, SourceLoc)
    assert place.short_file == "launched.py"


def test_a_mistake_that_is_told_with_the_python_file_is_shown_too(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    """With `source_map` the text has #line directives, and the compiler names the Python file and line."""
    compiled = enigma.compile(add, source_map=True)
    number = next(k for k, line in enumerate(compiled.metal_source.splitlines(), 1) if "C[" in line)
    place = compiled.source_map[number]
    assert place is not None
    said = f"{place.file}:{place.line}:9: error: use of undeclared identifier 'q'\n    C[i] = q;\n"
    assert diagnostics.notes(said, "add.metal", compiled.places) == [("use of undeclared identifier 'q'", place)]


def test_a_mistake_in_a_line_without_python_has_no_note(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave("error", 1)
    with pytest.raises(ToolchainError) as caught:
        enigma.compile(add, emit_only=False, work_dir=tmp_path / "w")
    assert caught.value.notes == ()


def test_a_failed_build_leaves_no_temporary_folder(
    xcrun: XcrunStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for mode in ("clt", "error"):
        xcrun.behave(mode)
        failure(None)
    assert list((tmp_path / "tmp").iterdir()) == []
    failure(None, keep=True)
    (kept,) = (tmp_path / "tmp").iterdir()
    assert [path.name for path in kept.iterdir()] == ["k.metal"]
