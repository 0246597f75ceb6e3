"""Analyse an evaluated run: same as `metarl analyze`; --help shows the options."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["analyze", *sys.argv[1:]]))
