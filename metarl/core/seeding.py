"""Independent random streams: one for each subject and purpose, from one root seed.

`seed + i` would let neighbouring runs share streams, and `SeedSequence([root, *path])`
pads with zeros, so that [1] and [1, 0] are one stream: spawn keys have neither fault.
"""

from typing import Literal, get_args

import numpy as np

Purpose = Literal[
    "weights",
    "training",
    "evaluation",
    "preview",
    "strategies",
    "problems",
    "manipulation",
    "study",
    "rule",
    "replay",
]
"""What a stream of random numbers is for; a purpose's place is its spawn key."""


def stream_seed(root: int, subject: int, purpose: Purpose, *path: int) -> int:
    """A 63-bit seed for one subject and purpose, unrelated to all others.

    torch's generator on a CPU uses the low 32 bits: among 1,000 subjects of 5 streams
    each, two streams are the same with a chance of about 1 in 300.

    Args:
        root: the run's seed, >= 0.
        subject: the subject's number, >= 0.
        purpose: what the stream is for.
        path: further branches, such as the number of a batch.
    """
    key = (subject, get_args(Purpose).index(purpose), *path)
    state = np.random.SeedSequence(root, spawn_key=key).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
