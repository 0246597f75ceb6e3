"""Page of all commands, with their help as printed when the site is built."""

import contextlib
import io
import os
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import Directive

from generators.markdown import page, section
from metarl.cli.main import COMMANDS, main, overview

WIDTH = 88
NEEDED = {"train": "two-step"}
"""Command that needs a further word for its help -> the word."""


def help_of(*words: str) -> str:
    """Return the output of `metarl WORDS --help`."""
    out = io.StringIO()
    with (
        mock.patch.dict(os.environ, COLUMNS=str(WIDTH), NO_COLOR="1"),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        main([*words, "--help"])
    return out.getvalue().rstrip()


class Help(Directive):
    """Directive that shows the output of `metarl WORDS --help`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the output as one literal block."""
        text = help_of(*self.arguments[0].split())
        if not text:
            raise self.error(f"metarl {self.arguments[0]} --help prints nothing")
        return [nodes.literal_block(text, text, language="text")]


def commands_page() -> str:
    """Return the page with the help of every command."""
    return page(
        "# Commands",
        f"```text\n{overview()}\n```",
        *(section(f"metarl {name}", _help(name)) for name in COMMANDS),
    )


def _help(name: str) -> str:
    words = " ".join([name, *NEEDED.get(name, "").split()])
    return f"```{{help}} {words}\n```"
