# packages: llm
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from common import MODEL, URL, run

FOLDER = tempfile.mkdtemp()
(pathlib.Path(FOLDER) / "extra-openai-models.yaml").write_text(json.dumps([
    {"model_id": "small", "model_name": MODEL, "api_base": f"{URL}/v1", "supports_schema": True, "supports_tools": True}]))
COMMAND = pathlib.Path(sys.executable).parent / "llm"


def llm(*arguments):
    done = subprocess.run(
        [COMMAND, *arguments, "-m", "small", "-o", "max_tokens", "60", "-o", "temperature", "0"], capture_output=True, text=True,
        env=os.environ | {"LLM_USER_PATH": FOLDER, "OPENAI_API_KEY": "none"}, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def prompt():
    assert llm("Say hello.").strip()


def whole():
    assert llm("Say hello.", "--no-stream").strip()


def schema():
    assert set(json.loads(llm("Tell me about Paris.", "--schema", "name, population int"))) == {"name", "population"}


run(prompt, whole, schema)
