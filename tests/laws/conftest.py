"""Hypothesis profiles: `ci` is short and always the same; `--hypothesis-profile=deep` draws thousands of new examples."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings

_QUIET: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
# shrinking takes minutes, since each try may run clang: a failure in CI is shrunk by running the test again with `deep`
_UNSHRUNK = (Phase.explicit, Phase.generate)
settings.register_profile("ci", max_examples=40, derandomize=True, database=None, phases=_UNSHRUNK, **_QUIET)
settings.register_profile("deep", max_examples=3000, **_QUIET)
if settings.get_current_profile_name() == "default":
    settings.load_profile("ci")
