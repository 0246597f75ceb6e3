"""Test frozen networks: the twin of `metarl evaluate`; --help tells more."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
