# packages: guidellm
import json
import pathlib
import subprocess
import sys
import tempfile

from common import MODEL, URL, run


def benchmark():
    with tempfile.TemporaryDirectory() as folder:
        data, result = pathlib.Path(folder) / "data.jsonl", pathlib.Path(folder) / "result.json"
        data.write_text("".join(json.dumps({"prompt": f"Count to {number}."}) + "\n" for number in range(3, 19)))
        done = subprocess.run(
            [pathlib.Path(sys.executable).parent / "guidellm", "benchmark", "run", "--target", URL, "--model", MODEL, "--data", data,
             "--processor", "gpt2", "--rate-type", "throughput", "--max-requests", "8", "--output-path", result],
            capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-600:]
        assert result.exists()


run(benchmark)
