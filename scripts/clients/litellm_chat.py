# packages: litellm[proxy]
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# The list of prices that comes with it, not the one on the web.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

from common import MODEL, URL, run

litellm.num_retries = 0
TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}


def ask(text, provider="openai", **more):
    base = f"{URL}/v1" if provider == "openai" else URL
    return litellm.completion(
        model=f"{provider}/{MODEL}", api_base=base, api_key="none", messages=[{"role": "user", "content": text}], temperature=0,
        max_tokens=80, **more)


def chat():
    assert ask("Say hello.").choices[0].message.content


def stream():
    assert "".join(piece.choices[0].delta.content or "" for piece in ask("Say hello.", stream=True))


def structured_output():
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}
    answer = ask("Tell me about Paris.", response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}})
    assert set(json.loads(answer.choices[0].message.content)) == {"name"}


def tools():
    answer = ask("What is the weather in Paris?", tools=[TOOL], tool_choice="required")
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def ollama_provider():
    assert ask("Say hello.", provider="ollama_chat").choices[0].message.content


def anthropic_provider():
    assert ask("Say hello.", provider="anthropic").choices[0].message.content


def responses():
    assert litellm.responses(model=f"openai/{MODEL}", api_base=f"{URL}/v1", api_key="none", input="Say hello.", max_output_tokens=20).output


def proxy():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        # It starts only with a key that is hard to guess.
        key = f"sk-{secrets.token_hex(32)}"
        config = pathlib.Path(folder) / "config.yaml"
        config.write_text(json.dumps({"model_list": [{"model_name": "small", "litellm_params": {
            "model": f"openai/{MODEL}", "api_base": f"{URL}/v1", "api_key": "none"}}], "general_settings": {"master_key": key}}))
        command = pathlib.Path(sys.executable).parent / "litellm"
        log = pathlib.Path(folder) / "log"
        output = log.open("w")
        process = subprocess.Popen([command, "--config", config, "--port", str(port), "--host", "127.0.0.1"], stdout=output, stderr=subprocess.STDOUT)
        try:
            body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}).encode()
            for attempt in range(300):
                try:
                    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, {"content-type": "application/json", "authorization": f"Bearer {key}"})
                    answer = json.load(urllib.request.urlopen(request, timeout=60))
                    break
                except (ConnectionError, urllib.error.URLError):
                    if attempt == 299 or process.poll() is not None:
                        raise AssertionError(f"the proxy does not answer: {log.read_text()[-400:]}") from None
                    time.sleep(1)
            assert answer["choices"][0]["message"]["content"]
        finally:
            process.terminate()
            process.wait()
            output.close()


run(chat, stream, structured_output, tools, ollama_provider, anthropic_provider, responses, proxy)
