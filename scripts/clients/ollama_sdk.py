# packages: ollama pydantic
import json
import ollama
from pydantic import BaseModel

from common import MODEL, URL, run

client = ollama.Client(host=URL)
OPTIONS = {"num_predict": 20, "temperature": 0}


def get_weather(city: str) -> str:
    """Weather of a city

    Args:
      city: the city
    """
    return "sunny"


def chat():
    r = client.chat(model=MODEL, messages=[{"role": "user", "content": "Say hello."}], options=OPTIONS)
    assert r.message.content and r.done and r.eval_count > 0 and r.total_duration > 0, r


def chat_stream():
    parts = list(client.chat(model=f"{MODEL}:latest", messages=[{"role": "user", "content": "Say hello."}], options=OPTIONS, stream=True))
    assert "".join(p.message.content or "" for p in parts) and parts[-1].done and parts[-1].done_reason in ("stop", "length")


def generate():
    r = client.generate(model=MODEL, prompt="Once upon a time", raw=True, options=OPTIONS)
    assert r.response
    parts = list(client.generate(model=MODEL, prompt="Say hello.", system="Be brief.", options=OPTIONS, stream=True))
    assert "".join(p.response for p in parts) and parts[-1].done


def tools():
    ask = [{"role": "user", "content": "What is the weather in Paris? Use the tool get_weather."}]
    r = client.chat(model=MODEL, messages=ask, tools=[get_weather], options={"num_predict": 300, "temperature": 0})
    parts = list(client.chat(model=MODEL, messages=ask, tools=[get_weather], options={"num_predict": 300, "temperature": 0}, stream=True))
    # A small model may answer in words; what comes must be well formed.
    for message in [r.message] + [p.message for p in parts]:
        for call in message.tool_calls or []:
            assert call.function.name == "get_weather" and isinstance(call.function.arguments, dict)
    ask += [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]},
            {"role": "tool", "content": "sunny", "tool_name": "get_weather"}]
    assert client.chat(model=MODEL, messages=ask, tools=[get_weather], options=OPTIONS).message.content is not None


def schema():
    class City(BaseModel):
        name: str
        population: int

    r = client.chat(model=MODEL, messages=[{"role": "user", "content": "Tell me about Paris."}], format=City.model_json_schema(), options={"num_predict": 300, "temperature": 0})
    City.model_validate_json(r.message.content)


def json_object():
    json.loads(client.chat(model=MODEL, messages=[{"role": "user", "content": "A JSON object about Paris."}], format="json", options={"num_predict": 200, "temperature": 0}).message.content)


def embed():
    r = client.embed(model="encoder", input=["a", "b c"])
    assert len(r.embeddings) == 2 and len(r.embeddings[0]) > 10
    assert len(client.embeddings(model="encoder", prompt="a").embedding) == len(r.embeddings[0])


def lists():
    names = [m.model for m in client.list().models]
    assert "auto:latest" in names and "encoder:latest" in names, names
    shown = client.show(names[0])
    assert "completion" in shown.capabilities and shown.modelinfo and shown.details.family, shown
    running = client.ps().models
    assert running and running[0].expires_at and running[0].size_vram == 0


def keep_alive():
    assert client.generate(model=MODEL, keep_alive="5m").done_reason == "load"
    assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"


def errors():
    for call, status in [(lambda: client.chat(model="no-such-model", messages=[{"role": "user", "content": "x"}]), 404), (lambda: client.pull("x"), 501)]:
        try:
            call()
            raise AssertionError("no error")
        except ollama.ResponseError as e:
            assert e.status_code == status and e.error, e


run(chat, chat_stream, generate, tools, schema, json_object, embed, lists, keep_alive, errors)
