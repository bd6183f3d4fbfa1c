# packages: openai
import json

import openai
from pydantic import BaseModel

from common import MODEL, URL, run

client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}}


class City(BaseModel):
    name: str
    population: int


def ask(text, **more):
    return client.chat.completions.create(**{"model": MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 20} | more)


def chat():
    answer = ask("Say hello.", n=2, logprobs=True, top_logprobs=2)
    assert [choice.index for choice in answer.choices] == [0, 1] and answer.usage.completion_tokens > 0, answer
    assert answer.choices[0].message.content and len(answer.choices[0].logprobs.content[0].top_logprobs) == 2, answer


def stream():
    pieces = list(ask("Say hello.", stream=True, stream_options={"include_usage": True}))
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == ask("Say hello.").choices[0].message.content and pieces[-1].usage.completion_tokens > 0, pieces[-1]


def tools():
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = ask("", messages=question, tools=[TOOL], tool_choice="required", max_tokens=200)
    calls = answer.choices[0].message.tool_calls
    assert calls and answer.choices[0].finish_reason == "tool_calls" and set(json.loads(calls[0].function.arguments)) == {"city"}, answer
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls]
    assert ask("", messages=question + [answer.choices[0].message] + results, tools=[TOOL]).choices
    streamed = ask("", messages=question, tools=[TOOL], tool_choice="required", max_tokens=200, stream=True)
    arguments = "".join(call.function.arguments or "" for piece in streamed for call in (piece.choices[0].delta.tool_calls or []) if call.index == 0)
    assert arguments == calls[0].function.arguments, arguments


def structured_output():
    answer = client.chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": "Tell me about Paris."}], response_format=City, temperature=0, max_tokens=80)
    assert isinstance(answer.choices[0].message.parsed, City), answer


def json_object():
    answer = ask("A JSON object about Paris.", response_format={"type": "json_object"}, max_tokens=60)
    # What is cut by its limit need not be whole.
    assert answer.choices[0].finish_reason == "length" or isinstance(json.loads(answer.choices[0].message.content), dict), answer


def completions():
    answer = client.completions.create(model=MODEL, prompt=["Once upon a time", "The sea"], max_tokens=8, logprobs=2, echo=True, temperature=0)
    assert answer.choices[0].text.startswith("Once upon a time") and answer.choices[1].text.startswith("The sea"), answer
    assert len(answer.choices[0].logprobs.token_logprobs) == len(answer.choices[0].logprobs.tokens), answer


def embeddings():
    vectors = client.embeddings.create(model="encoder", input=["a", "b c"]).data
    assert len(vectors) == 2 and len(vectors[0].embedding) > 10


def models():
    names = [model.id for model in client.models.list()]
    assert "auto" in names and client.models.retrieve(names[0]).id == names[0], names


def errors():
    try:
        ask("x", model="no-such-model")
        raise AssertionError("unknown model was taken")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error


run(chat, stream, tools, structured_output, json_object, completions, embeddings, models, errors)
