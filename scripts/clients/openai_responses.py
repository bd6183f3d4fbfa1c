# packages: openai
import json
from openai import OpenAI, BadRequestError, NotFoundError
from pydantic import BaseModel

from common import MODEL, URL, run

client = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
TOOL = {"type": "function", "name": "get_weather", "description": "Weather of a city", "strict": True,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}


def whole():
    r = client.responses.create(model=MODEL, input="Say hello.", instructions="Be brief.", max_output_tokens=20, temperature=0)
    assert r.output_text and r.usage.output_tokens > 0 and r.status in ("completed", "incomplete"), r
    assert client.responses.retrieve(r.id).id == r.id
    items = client.responses.input_items.list(r.id)
    assert items.data[0].content[0].text == "Say hello."
    client.responses.delete(r.id)
    try:
        client.responses.retrieve(r.id)
        raise AssertionError("deleted response is still there")
    except NotFoundError:
        pass


def stream():
    types, text = [], ""
    with client.responses.stream(model=MODEL, input="Count to three.", max_output_tokens=16, temperature=0) as s:
        for e in s:
            types.append(e.type)
            if e.type == "response.output_text.delta":
                text += e.delta
    assert types[0] == "response.created" and types[-1] in ("response.completed", "response.incomplete"), types
    if types[-1] == "response.completed":
        assert s.get_final_response().output_text == text
    for e in client.responses.create(model=MODEL, input="x", max_output_tokens=4, stream=True):
        last = e
    assert last.response.output[0].content[0].type == "output_text"


def previous():
    a = client.responses.create(model=MODEL, input="My name is Ann.", max_output_tokens=8, temperature=0)
    b = client.responses.create(model=MODEL, input="What is my name?", previous_response_id=a.id, max_output_tokens=8, temperature=0)
    assert b.previous_response_id == a.id and b.usage.input_tokens > a.usage.input_tokens
    assert len(client.responses.input_items.list(b.id, order="asc").data) == 3
    try:
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_none")
        raise AssertionError("unknown previous response was taken")
    except BadRequestError as e:
        assert e.code == "previous_response_not_found", e


def tools():
    r = client.responses.create(model=MODEL, input="What is the weather in Paris?", tools=[TOOL], tool_choice="required", max_output_tokens=300, temperature=0)
    calls = [i for i in r.output if i.type == "function_call"]
    assert calls, r.output
    assert set(json.loads(calls[0].arguments)) == {"city"}
    again = client.responses.create(model=MODEL, previous_response_id=r.id, tools=[TOOL], max_output_tokens=20, temperature=0,
                                    input=[{"type": "function_call_output", "call_id": c.call_id, "output": "sunny"} for c in calls])
    assert again.output


def tools_stream():
    types = []
    with client.responses.stream(model=MODEL, input="What is the weather in Rome?", tools=[TOOL], tool_choice={"type": "function", "name": "get_weather"}, max_output_tokens=300, temperature=0) as s:
        for e in s:
            types.append(e.type)
    assert "response.function_call_arguments.delta" in types and "response.function_call_arguments.done" in types, types
    call = [i for i in s.get_final_response().output if i.type == "function_call"][0]
    assert "city" in json.loads(call.arguments)


def schema():
    class City(BaseModel):
        name: str
        population: int

    r = client.responses.parse(model=MODEL, input="Tell me about Paris as JSON.", text_format=City, max_output_tokens=300, temperature=0)
    assert isinstance(r.output_parsed, City), r.output_text


run(whole, stream, previous, tools, tools_stream, schema)
