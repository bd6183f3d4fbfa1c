"""Drawn requests by the server's own description, and its answers against it. Called by scripts/check-openapi."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from server import Server  # noqa: E402

FACTS = [{"question": "What is the name of the ship's cat?", "answer": "Pepper"}]
# A description cannot say every rule between two fields (`logprobs` and `top_logprobs`), so a request that fits it may still be a 400.
LEFT_OUT = "positive_data_acceptance"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lmoe", type=pathlib.Path, required=True)
    parser.add_argument("--schemathesis", type=pathlib.Path, required=True)
    parser.add_argument("--examples", type=int, default=30)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--facts", action="store_true", help="with a memory; each fact that is told takes seconds")
    parser.add_argument("paths", nargs="*", help="regular expressions of paths")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(options.lmoe, None, *flags(options, pathlib.Path(folder)))
        with server as url:
            done = subprocess.run(
                [options.schemathesis, "run", f"{url}/openapi.json", "--phases", "coverage,fuzzing", "--mode", "all", "--checks", "all",
                 "--exclude-checks", LEFT_OUT, "--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure",
                 "--max-failures", "1000", "--request-timeout", "120", "--no-shrink", "--generation-database", "none", "--no-color",
                 *(["--include-path-regex", "|".join(options.paths)] if options.paths else [])],
                cwd=folder, env=os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE.resolve()), "PYTHONDONTWRITEBYTECODE": "1"})
            if not server.is_running:
                sys.exit(f"error: the server ended with status {server.process.returncode}")
            health = urllib.request.urlopen(f"{url}/health", timeout=30).status
    sys.exit(done.returncode if health == 200 else 1)


def flags(options, folder):
    """A server whose adapters, files and facts may be changed and deleted."""
    shutil.copytree("adapters", folder / "adapters")
    shutil.copytree("adapters/intent", folder / "imports/intent")
    if options.facts:
        (folder / "facts.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in FACTS))
        subprocess.run(
            [options.lmoe, "remember", "--adapters", folder / "adapters", "--memory", "facts", "--file", folder / "facts.jsonl"],
            check=True, stdout=subprocess.DEVNULL)
    return ["--adapters", folder / "adapters", "--imports", folder / "imports", "--tuning-folder", folder / "tuning", "--default-max-tokens", "8"]


main()
