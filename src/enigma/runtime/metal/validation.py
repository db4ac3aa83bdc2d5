"""What Metal's shader validation found in a launch, with the Python lines: an access outside of a buffer, for example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enigma.errors import DeviceError
from enigma.runtime.metal.failures import Note, gpu_error
from enigma.runtime.program import Program

_SHOWN = 20


def findings(logs: Any, programs: Sequence[Program]) -> DeviceError | None:
    """Return the error that says what the logs of a command buffer have, or None when they are empty.

    The place of a finding is a line of Metal source; which kernel it is in, the log says too.
    """
    by_entry = {program.metal.entry: program for program in programs}
    notes: list[Note] = []
    for log in logs or ():
        place = log.debugLocation()
        entry = str(place.functionName()) if place is not None else ""
        program = by_entry.get(entry, programs[0])
        line = int(place.line()) - 1 if place is not None else -1
        lines = program.metal.lines
        notes.append((" ".join(str(log.description()).split()), lines[line] if 0 <= line < len(lines) else None))
    if not notes:
        return None
    names = ", ".join(dict.fromkeys(program.name for program in programs))
    more = f"; the first {_SHOWN} are shown" if len(notes) > _SHOWN else ""
    return gpu_error(
        f"shader validation found {len(notes)} mistake{'s' if len(notes) > 1 else ''} in {names}{more}",
        help="run it on enigma.SimRuntime(), which names the thread and the index too",
        notes=list(dict.fromkeys(notes))[:_SHOWN],
    )
