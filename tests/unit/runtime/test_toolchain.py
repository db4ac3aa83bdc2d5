"""Apple's tools, played by a stand-in: exact command lines, what is kept, and an own error for each way to fail."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import enigma
from enigma.errors import ToolchainError
from enigma.runtime import toolchain
from enigma.source import SourceLoc
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


def test_the_two_command_lines_are_exact(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    library = toolchain.build("k", SOURCE, folder, keep_source=False)
    metal, air, metallib = (str(folder / f"k.{suffix}") for suffix in ("metal", "air", "metallib"))
    assert xcrun.calls == [
        ["-sdk", "macosx", "metal", "-fno-fast-math", "-c", metal, "-o", air],
        ["-sdk", "macosx", "metallib", air, "-o", metallib],
    ]
    assert str(library.path) == metallib
    assert library.content == b"MTLBAIR:" + SOURCE.encode() == Path(metallib).read_bytes()


def test_source_that_writes_to_the_log_is_built_with_logging(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    toolchain.build("k", SOURCE, tmp_path, keep_source=False, logs=True)
    flags = ["-fno-fast-math", "-std=metal3.2", "-fmetal-enable-logging"]
    assert xcrun.calls[0][:7] == ["-sdk", "macosx", "metal", *flags, "-c"]

    @enigma.kernel
    def speaks(A: enigma.f32):  # type: ignore[valid-type]
        enigma.print(A[0])

    enigma.compile(speaks, emit_only=False, work_dir=tmp_path)
    assert xcrun.calls[2][3:6] == flags


@pytest.mark.parametrize(
    ("math", "flag"), [(None, "-fno-fast-math"), ("precise", "-fno-fast-math"), ("fast", "-ffast-math")]
)
def test_fast_math_is_off_unless_asked_for_pitfall_90(
    math: str | None, flag: str, xcrun: XcrunStandIn, tmp_path: Path
) -> None:
    enigma.compile(add, emit_only=False, work_dir=tmp_path, math=math)
    assert xcrun.calls[0][2:5] == ["metal", flag, "-c"]


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
        72, 'xcrun: error: unable to find utility "metal", not a developer tool or in PATH',
        f"the Command Line Tools alone have no Metal compiler: install Xcode, then {XCODE}",
    ),
    "no-toolchain": (
        1, "error: error: cannot execute tool 'metal' due to missing Metal Toolchain; "
        "use: xcodebuild -downloadComponent MetalToolchain",
        "since Xcode 26 it is a download of its own: run `xcodebuild -downloadComponent MetalToolchain`",
    ),
    "no-sdk": (
        1, "xcrun: error: SDK \"macosx\" cannot be located\nxcrun: error: unable to lookup item 'Path' in SDK 'macosx'",
        f"the active developer folder has no macOS SDK: install Xcode, then {XCODE}",
    ),
    "no-developer-path": (
        1, "xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools), missing xcrun at: "
        "/Library/Developer/CommandLineTools/usr/bin/xcrun",
        "run `xcode-select --install`, or install Xcode and select it with `sudo xcode-select -s`",
    ),
    "license": (69, "You have not agreed to the Xcode license agreements.", "run `sudo xcodebuild -license accept`"),
}  # fmt: skip


@pytest.mark.parametrize("mode", FAILURES)
def test_a_missing_part_has_its_own_advice(mode: str, xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave(mode)
    code, said, advice = FAILURES[mode]
    command = f"xcrun -sdk macosx metal -fno-fast-math -c {tmp_path}/w/k.metal -o {tmp_path}/w/k.air"
    assert str(failure(tmp_path / "w")) == f"{command}\nfailed with exit code {code}:\n{said}\n  help: {advice}"
    assert len(xcrun.calls) == 1
    assert list((tmp_path / "w").iterdir()) == []


def test_a_tool_that_says_nothing_is_quoted_with_its_exit_code(xcrun: XcrunStandIn, tmp_path: Path) -> None:
    xcrun.behave("crash")
    error = failure(tmp_path / "w")
    assert str(error) == (
        f"xcrun -sdk macosx metal -fno-fast-math -c {tmp_path}/w/k.metal -o {tmp_path}/w/k.air\n"
        "failed with exit code 254, and said nothing"
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
    toolchain.build("k", SOURCE, tmp_path / "w", keep_source=True)  # what it leaves must not pass for the new product
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
    xcrun.behave("clt")
    failure(None)
    assert list((tmp_path / "tmp").iterdir()) == []
    failure(None, keep=True)
    (kept,) = (tmp_path / "tmp").iterdir()
    assert [path.name for path in kept.iterdir()] == ["k.metal"]
