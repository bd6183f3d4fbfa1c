# packages: haystack-ai
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack.utils import Secret
from pydantic import BaseModel

from common import MODEL, URL, run


class City(BaseModel):
    name: str
    population: int


def generator(**settings):
    return OpenAIChatGenerator(
        api_key=Secret.from_token("none"), model=MODEL, api_base_url=f"{URL}/v1", max_retries=0,
        generation_kwargs={"temperature": 0, "max_tokens": 80} | settings.pop("generation", {}), **settings)


def chat():
    assert generator().run([ChatMessage.from_user("Say hello.")])["replies"][0].text


def stream():
    pieces = []
    generator(streaming_callback=lambda piece: pieces.append(piece.content)).run([ChatMessage.from_user("Say hello.")])
    assert "".join(pieces)


def structured_output():
    reply = generator(generation={"response_format": City}).run([ChatMessage.from_user("Tell me about Paris.")])["replies"][0]
    City.model_validate_json(reply.text)


def tools():
    weather = Tool(
        name="get_weather", description="Weather of a city", function=lambda city: "sunny",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    reply = generator(tools=[weather], generation={"tool_choice": "required"}).run([ChatMessage.from_user("What is the weather in Paris?")])["replies"][0]
    assert reply.tool_calls and reply.tool_calls[0].tool_name == "get_weather", reply


run(chat, stream, structured_output, tools)
