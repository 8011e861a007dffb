"""Every target holds for its seeds, for what lies beside them, and for what a few thousand guided inputs reach."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.kit.mutate import mutated
from fuzz.kit.targets import NAMES, command, environment, seeds, target

SECONDS = 2
"""For each target; ``make fuzz`` takes longer."""


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in NAMES for seed in seeds(name)])
def test_a_seed_holds(name, seed):
    target(name).check(seeds(name)[seed])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_lies_beside_a_seed_holds(name, data):
    module = target(name)
    module.check(data.draw(mutated(list(seeds(name).values()), module.TOKENS)))


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no package for this Python")
@pytest.mark.parametrize("name", NAMES)
def test_what_coverage_leads_to_holds(name, tmp_path):
    todo = command(name, SECONDS, tmp_path, "-seed=1")
    done = subprocess.run(
        todo, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120, check=False, env=environment()
    )  # fmt: skip
    told = [line for line in done.stdout.splitlines() if not line.startswith(("#", "INFO", "WARNING"))]
    assert done.returncode == 0, "\n".join(told)[-4000:]
