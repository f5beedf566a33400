# SPDX-License-Identifier: MIT
"""Tests that fail, for test_remains.py; nobody runs them otherwise."""

import random

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_that_fails(boot, cpus):
    g = boot(cpus=cpus, mem="16M", append="quiet")
    assert g.run(f"echo seed {random.getrandbits(40)}; echo 'the last of it'") == "something else"


def test_that_passes(boot):
    assert boot(cpus=1, mem="16M").run("echo fine") == "fine"
