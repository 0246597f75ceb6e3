"""Test frozen networks: same as `metarl evaluate`; --help shows the options."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
