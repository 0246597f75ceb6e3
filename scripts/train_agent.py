"""Train networks on a task: the twin of `metarl train` (see --help)."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
