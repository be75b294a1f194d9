"""The size of a fresh install: a venv of its own, the project installed from its folder as a user would get it."""

import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.budgets import Result
from benchmarks.options import Options

HEAVIEST = ("lancedb", "pyarrow")


async def run(options: Options) -> list[Result]:
    """Measure site-packages after `pip install` of this project."""
    packages = install(options.work / "fresh")
    sizes = {entry.name: size(entry) for entry in packages.iterdir() if entry.name != "__pycache__"}
    own_tools = sum(mb for name, mb in sizes.items() if name.split("-")[0] in {"pip", "setuptools", "_distutils_hack"})
    total = sum(sizes.values()) - own_tools
    heaviest = sum(sizes[name] for name in HEAVIEST)
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    return [
        Result(
            "footprint",
            f"lancedb and pyarrow alone {heaviest:.0f} MB",
            f"{total:.0f} MB",
            f"{total / heaviest:.2f} x",
            total <= 615 and "torch" not in sizes,
            "largest: " + ", ".join(f"{name} {mb:.0f}" for name, mb in largest),
        )
    ]


def install(where: Path) -> Path:
    """Install the project into a new venv and return its site-packages."""
    venv.create(where, with_pip=True, clear=True)
    python = next(path for path in (where / "bin" / "python", where / "Scripts" / "python.exe") if path.exists())
    project = Path(__file__).parents[1]
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", project],
        check=True,
        stdout=sys.stderr,
    )
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())


def size(entry: Path) -> float:
    """Return the size of a file or folder without byte code, in units of 2**20 bytes as `du -m` has them."""
    files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc") / 2**20
