"""How tests run under `make mutants`: with nothing computed beforehand, and no more than seconds for a change.

The limit is of processor time, so that a busy machine makes no test look as if it ran for ever.
"""

from __future__ import annotations

import os
import resource
import time

import pytest

from prepaid.domain.tariffs import pricer

MOST_CPU_S = 5
"""All tests of a function together take about one."""


def pytest_configure() -> None:
    """A change that makes a test run for ever is ended by the kernel."""
    if "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + MOST_CPU_S, hard))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """A pricer that was made before the change is not used again."""
    pricer.cache_clear()
