"""docs/openai-api.md is true: its example runs, and its table has the endpoints."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from support.checkout import ROOT
from support.v1_client import sdk_of
from support.v1_shapes import ENDPOINTS

PAGE = (ROOT / "docs" / "openai-api.md").read_text(encoding="utf-8")


async def test_its_example_runs(tmp_path: Path) -> None:
    code = PAGE.split("```python\n")[1].split("```")[0]
    async with sdk_of("sync", tmp_path / "data") as sdk:
        names: dict[str, Any] = {}
        said = io.StringIO()

        def run() -> None:
            with redirect_stdout(said):
                exec(code.replace("http://127.0.0.1:8000", sdk.url), names)  # the page's own code
            names["client"].close()

        await sdk.do(run)
    assert re.fullmatch(r"0\.\d+ bees\.md # Bees\n\nBees make honey\.\n", said.getvalue())


def test_its_table_has_the_endpoints() -> None:
    rows = re.findall(r"^\| `(GET|POST|DELETE) /v1(\S+)` \|", PAGE, re.MULTILINE)
    assert rows == [(method, path) for method, path, _ in ENDPOINTS]
