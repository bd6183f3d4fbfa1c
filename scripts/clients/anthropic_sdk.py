# packages: anthropic
import anthropic

from common import MODEL, URL, run

client = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)
TOOL = {"name": "get_weather", "description": "Weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


def whole():
    m = client.messages.create(model=MODEL, max_tokens=20, system="Be brief.", extra_body={"temperature": 0}, messages=[{"role": "user", "content": "Say hello."}])
    assert m.content[0].text and m.stop_reason in ("end_turn", "max_tokens") and m.usage.output_tokens > 0, m


def stream():
    text = ""
    with client.messages.stream(model=MODEL, max_tokens=16, extra_body={"temperature": 0}, messages=[{"role": "user", "content": "Count to three."}]) as s:
        for piece in s.text_stream:
            text += piece
        final = s.get_final_message()
    assert final.content[0].text == text and final.usage.output_tokens > 0, final


def stop_sequence():
    m = client.messages.create(model=MODEL, max_tokens=40, extra_body={"temperature": 0}, stop_sequences=["e"], messages=[{"role": "user", "content": "Say hello."}])
    assert m.stop_reason == "stop_sequence" and m.stop_sequence == "e", m


def tools():
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    m = client.messages.create(model=MODEL, max_tokens=300, extra_body={"temperature": 0}, tools=[TOOL], tool_choice={"type": "any"}, messages=ask)
    use = [b for b in m.content if b.type == "tool_use"]
    assert use and m.stop_reason == "tool_use" and set(use[0].input) == {"city"}, m
    again = client.messages.create(model=MODEL, max_tokens=20, extra_body={"temperature": 0}, tools=[TOOL], messages=ask + [
        {"role": "assistant", "content": m.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": u.id, "content": "sunny"} for u in use]}])
    assert again.content, again


def tools_stream():
    with client.messages.stream(model=MODEL, max_tokens=300, extra_body={"temperature": 0}, tools=[TOOL], tool_choice={"type": "tool", "name": "get_weather"},
                                messages=[{"role": "user", "content": "What is the weather in Rome?"}]) as s:
        kinds = [e.type for e in s]
        final = s.get_final_message()
    assert "input_json" in kinds and set(final.content[-1].input) == {"city"}, (kinds, final)


def count_tokens():
    n = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "Say hello."}])
    more = client.messages.count_tokens(model=MODEL, system="Be brief.", tools=[TOOL], messages=[{"role": "user", "content": "Say hello."}])
    m = client.messages.create(model=MODEL, max_tokens=1, messages=[{"role": "user", "content": "Say hello."}])
    exact = m.usage.input_tokens + (m.usage.cache_read_input_tokens or 0)
    assert n.input_tokens == exact and more.input_tokens > n.input_tokens, (n, more, exact)


def models():
    page = client.models.list(limit=2)
    assert page.data and page.data[0].type == "model"
    assert len(list(client.models.list())) >= 2
    assert client.models.retrieve(page.data[0].id).id == page.data[0].id


def errors():
    try:
        client.messages.create(model="no-such-model", max_tokens=5, messages=[{"role": "user", "content": "x"}])
        raise AssertionError("unknown model was taken")
    except anthropic.NotFoundError as e:
        assert e.body["error"]["type"] == "not_found_error", e.body


run(whole, stream, stop_sequence, tools, tools_stream, count_tokens, models, errors)
