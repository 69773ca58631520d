"""What is random comes from one seed. It is printed where a test fails, and can be given again:

    VARCADE_SEED=4711 pytest tests/property

VARCADE_ROUNDS is how many a test plays, from that seed on: a few if nothing else is said, one of a seed that is given.
"""
import os
import random

import pytest


@pytest.fixture
def rounds():
    """Random generators, one a round; of a given seed one alone."""
    given = os.environ.get("VARCADE_SEED")
    base = random.SystemRandom().randrange(1 << 32) if given is None else int(given)

    def make(n):
        n = int(os.environ.get("VARCADE_ROUNDS", 1 if given is not None else n))
        for seed in range(base, base + n):
            print(f"VARCADE_SEED={seed}")
            yield random.Random(seed)
    return make
