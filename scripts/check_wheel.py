"""Build the wheel from the sdist, install it elsewhere and import every module."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = {".py", ".csv", ".css", ".html", ".typed"}
# The target is first on the path, so that the development install is not imported.
IMPORT_ALL = """
import importlib, pathlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import metarl
if not pathlib.Path(metarl.__file__).is_relative_to(sys.argv[1]):
    sys.exit(f"metarl came from {metarl.__file__}")
for module in pkgutil.walk_packages(metarl.__path__, "metarl."):
    importlib.import_module(module.name)
"""


def run_python(step: str, *arguments: str | Path, folder: Path) -> None:
    """Run this Python outside the tree; if it fails, show the output and exit."""
    command = (sys.executable, *arguments)
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True)
    if done.returncode:
        shown = (done.stdout + done.stderr).decode(errors="replace")
        sys.exit(f"{shown}\nwheel check failed: cannot {step}")


def check_contents(wheel: Path) -> None:
    """Exit unless the wheel holds all of the package's files and no other package."""
    names = set(zipfile.ZipFile(wheel).namelist())
    files = (path for path in (ROOT / "metarl").rglob("*") if path.suffix in SHIPPED)
    if missing := sorted({f.relative_to(ROOT).as_posix() for f in files} - names):
        sys.exit(f"wheel check failed: the wheel lacks {', '.join(missing)}")
    tops = {name.partition("/")[0] for name in names}
    if strange := [top for top in sorted(tops) if not top.startswith("metarl")]:
        sys.exit(f"wheel check failed: the wheel also installs {', '.join(strange)}")


def main() -> None:
    """Build the wheel, check its contents, install it, import its modules."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        build = ("-m", "build", "--no-isolation", "--outdir", folder, ROOT)
        run_python("build the wheel from the sdist", *build, folder=folder)
        wheel = next(folder.glob("*.whl"))
        check_contents(wheel)
        target = folder / "installed"
        install = ("-m", "pip", "install", "--no-deps", "--target", target, wheel)
        run_python(f"install {wheel.name}", *install, folder=folder)
        run_python("import it", "-c", IMPORT_ALL, target, folder=folder)
        print(f"{wheel.name}: complete, and every module imports")


if __name__ == "__main__":
    main()
