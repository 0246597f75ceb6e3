"""Analyse an evaluated run: the twin of `metarl analyze` (see --help)."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["analyze", *sys.argv[1:]]))
