# packages: openai-agents
import asyncio, json
from openai import AsyncOpenAI
from agents import Agent, Runner, ModelSettings, function_tool, set_default_openai_client, set_tracing_disabled, set_default_openai_api
from pydantic import BaseModel

from common import MODEL, URL, run

set_tracing_disabled(True)


def fresh():
    # Each run has an event loop of its own, and a client belongs to one.
    set_default_openai_client(AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0))


CALLED = []


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    CALLED.append(city)
    return "sunny"


SETTINGS = ModelSettings(temperature=0, max_tokens=300)


def text():
    fresh()
    r = Runner.run_sync(Agent(name="a", instructions="Be brief.", model=MODEL, model_settings=SETTINGS), "Say hello.")
    assert isinstance(r.final_output, str) and r.final_output


def text_stream():
    fresh()
    async def go():
        r = Runner.run_streamed(Agent(name="a", model=MODEL, model_settings=SETTINGS), "Say hello.")
        kinds = [e.type async for e in r.stream_events()]
        assert "raw_response_event" in kinds and r.final_output
    asyncio.run(go())


def tools():
    fresh()
    CALLED.clear()
    agent = Agent(name="a", model=MODEL, tools=[get_weather], model_settings=ModelSettings(temperature=0, max_tokens=300, tool_choice="required"))
    r = Runner.run_sync(agent, "What is the weather in Paris?", max_turns=3)
    assert CALLED, r.final_output


def typed():
    fresh()
    class City(BaseModel):
        name: str
        population: int
    r = Runner.run_sync(Agent(name="a", model=MODEL, output_type=City, model_settings=SETTINGS), "Tell me about Paris.")
    assert isinstance(r.final_output, City)


def conversation():
    fresh()
    agent = Agent(name="a", model=MODEL, model_settings=SETTINGS)
    first = Runner.run_sync(agent, "My name is Ann.")
    second = Runner.run_sync(agent, "What is my name?", previous_response_id=first.last_response_id)
    third = Runner.run_sync(agent, first.to_input_list() + [{"role": "user", "content": "What is my name?"}])
    assert second.final_output and third.final_output


run(text, text_stream, tools, typed, conversation)
