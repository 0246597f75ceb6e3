"""Print the oldest versions of the dependencies that pyproject.toml admits.

As constraints for pip; torch keeps the version of constraints.txt, as older ones come
only with CUDA, in gigabytes.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def oldest_versions() -> list[str]:
    """Return NAME==VERSION of each dependency, its extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["data"]]
    bounds = (re.fullmatch(r"([\w-]+)>=([\w.]+).*", each) for each in needed)
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


def main() -> None:
    """Print one constraint per line."""
    torch = next(
        line
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if line.startswith("torch==")
    )
    oldest = [each for each in oldest_versions() if not each.startswith("torch==")]
    print(torch, *oldest, sep="\n")


if __name__ == "__main__":
    main()
