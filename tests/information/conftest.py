from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

collect_ignore = ["mutants.py", "mutant_checks.py"]  # run by test_mutants.py, outside this process


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The module `reference.py` beside this file (tests are no packages)."""
    spec = importlib.util.spec_from_file_location(
        "reference", Path(__file__).with_name("reference.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
