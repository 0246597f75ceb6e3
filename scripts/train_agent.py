"""Train networks on a task: the twin of `metarl train`; --help tells more."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
