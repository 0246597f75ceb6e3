"""Noise handed in: what one environment drew, another is given."""

import numpy as np


class Tape:
    """A generator that keeps what it draws, or hands out the blocks it is given."""

    def __init__(self, seed=None, blocks=()):
        self.source, self.blocks = np.random.default_rng(seed), list(blocks)
        self.drawn = []

    def random(self, size, dtype):
        block = self.blocks.pop(0) if self.blocks else self.source.random(size, dtype)
        assert (block.shape, block.dtype) == (size, dtype)
        self.drawn.append(block)
        return block

    def of_env(self, env_index):
        """A tape of what one lane drew."""
        return Tape(blocks=[block[[env_index]] for block in self.drawn])
