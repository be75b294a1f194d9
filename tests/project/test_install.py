import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import anyio
import pytest

from support.checkout import ROOT
from support.served import served

pytestmark = pytest.mark.process


def python(*arguments: object, executable: str | Path = sys.executable) -> str:
    told = subprocess.run(
        [str(executable), *map(str, arguments)], cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    )
    return told.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel in it, and what it depends on seen from this one."""
    folder = tmp_path_factory.mktemp("venv")
    python("-m", "venv", "--without-pip", folder)
    executable = folder / "bin" / "python"
    python("-m", "pip", "--python", executable, "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = Path(python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", executable=executable))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def test_the_wheel_holds_both_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"vectorstores_server", "vectorstores_tools"}
    data = "vectorstores_server/engines/local/embedding/data"
    assert {f"{data}/tokenizer.json", f"{data}/minilm-int8.onnx"} <= set(names)
    assert {"vectorstores_server/py.typed", "vectorstores_tools/py.typed"} <= set(names)
    assert any(name.endswith("licenses/NOTICE") for name in names)


async def test_the_installed_program_stores_and_finds_over_stdio(installed: Path, tmp_path: Path) -> None:
    where = python("-c", "import vectorstores_server as s; print(s.__file__)", executable=installed / "bin" / "python")
    assert installed in Path(where).parents

    async with served(tmp_path, command=(str(installed / "bin" / "vector-stores-mcp"),)) as server:
        with anyio.fail_after(60):
            assert (await server.handshake())["serverInfo"]["name"] == "vector-stores-mcp"
            store = await server.call("create_store", name="birds")
            text = "Gannets dive from thirty metres. Puffins dig burrows."
            file = await server.call(
                "upload_file", text=text, filename="birds.txt", vector_store_id=store["id"], wait_seconds=50
            )
            assert file["status"] == "completed"
            [hit] = (await server.call("search", query="which bird nests underground?"))["data"]
            assert hit["filename"] == "birds.txt"
            assert text in hit["text"]
            await server.hang_up()
            assert await server.process.wait() == 0
