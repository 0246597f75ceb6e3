"""Train networks on a task: same as `metarl train`; --help shows the options."""

import sys

from metarl.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
