"""The soak in small: benches/soak.py is the long run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


def _soak() -> Any:  # noqa: ANN401 - a script
    spec = importlib.util.spec_from_file_location("soak", Path(__file__).parents[1] / "benches" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("model", ["M95", "BC660K-GL", "EG915Q"])
def test_nothing_is_lost_that_the_quality_of_service_promises(model: str, seed: int) -> None:
    assert _soak().soak(model, 5_000, seed) == []
