"""The examples in a page of documentation, as blocks of code."""

import re
from typing import NamedTuple

FENCED = re.compile(r"^```(\S*).*\n((?:.*\n)*?)^```$", re.MULTILINE)
INDENTED = re.compile(r"(?:\A|(?<=\n\n))((?: {4}.*\n)+)")
NAMED = re.compile(r"# (\w+\.py)\n")
"""The first line of a block that is a file."""


class Block(NamedTuple):
    kind: str
    """python, shell, or a directive of Sphinx in braces."""
    text: str

    @property
    def file(self):
        """Name of the file that the block is; None where it is to be run."""
        named = NAMED.match(self.text)
        return named[1] if named else None


def blocks_of(page):
    """The blocks of a page, in their order; an indented one holds shell lines."""
    blocks = [(m.start(), Block(m[1], m[2])) for m in FENCED.finditer(page)]
    blanked = FENCED.sub(lambda m: re.sub(r"[^\n]", "x", m[0]), page)
    for m in INDENTED.finditer(blanked):
        text = re.sub(r"^ {4}", "", m[1], flags=re.MULTILINE)
        blocks.append((m.start(), Block("shell", text)))
    return [block for _, block in sorted(blocks)]


def lines_of(text):
    """The commands of a shell block, continued lines as one."""
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]
