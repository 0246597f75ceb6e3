"""Test frozen networks: the twin of `metarl evaluate` (see --help)."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
