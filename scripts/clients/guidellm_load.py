# packages: guidellm
import json
import pathlib
import subprocess
import sys
import tempfile

from common import MODEL, URL, run

REQUESTS = 8


def benchmark(path):
    with tempfile.TemporaryDirectory() as folder:
        data, result = pathlib.Path(folder) / "data.jsonl", pathlib.Path(folder) / "result.json"
        data.write_text("".join(json.dumps({"prompt": f"Count to {number}.", "output_tokens_count": 16}) + "\n" for number in range(3, 19)))
        done = subprocess.run(
            [pathlib.Path(sys.executable).parent / "guidellm", "run", "--backend", f"kind=openai_http,target={URL},model={MODEL},request_format={path}",
             "--data", f"kind=json_file,path={data}", "--profile", "kind=throughput,max_concurrency=4",
             "--constraint", f"kind=max_requests,count={REQUESTS}", "--output", f"kind=json,path={result}", "--disable-console-interactive"],
            capture_output=True, text=True, timeout=400)
        assert done.returncode == 0 and result.exists(), done.stderr[-600:] or done.stdout[-600:]
        totals = json.loads(result.read_text())["benchmarks"][0]["metrics"]["request_totals"]
        assert totals["successful"] >= REQUESTS and totals["errored"] == 0, totals


def chat():
    benchmark("/v1/chat/completions")


def completions():
    benchmark("/v1/completions")


run(chat, completions)
