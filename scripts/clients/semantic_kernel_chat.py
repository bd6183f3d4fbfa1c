# packages: semantic-kernel
import asyncio

from openai import AsyncOpenAI
from pydantic import BaseModel
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function

from common import MODEL, URL, run


class City(BaseModel):
    name: str
    population: int


CALLED = []


class Weather:
    @kernel_function(description="Weather of a city")
    def get_weather(self, city: str) -> str:
        CALLED.append(city)
        return "sunny"


def service():
    return OpenAIChatCompletion(ai_model_id=MODEL, async_client=AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0))


def history(text):
    turns = ChatHistory()
    turns.add_user_message(text)
    return turns


def settings(**more):
    return OpenAIChatPromptExecutionSettings(temperature=0, max_tokens=80, **more)


def chat():
    assert str(asyncio.run(service().get_chat_message_content(history("Say hello."), settings())))


def stream():
    async def go():
        return [str(piece[0]) async for piece in service().get_streaming_chat_message_contents(history("Say hello."), settings())]
    assert "".join(asyncio.run(go()))


def structured_output():
    answer = asyncio.run(service().get_chat_message_content(history("Tell me about Paris."), settings(response_format=City)))
    City.model_validate_json(str(answer))


def tools():
    kernel = Kernel()
    kernel.add_service(service())
    kernel.add_plugin(Weather(), "weather")
    asyncio.run(service().get_chat_message_content(
        history("What is the weather in Paris?"), settings(function_choice_behavior=FunctionChoiceBehavior.Required(maximum_auto_invoke_attempts=1)),
        kernel=kernel))
    assert CALLED


run(chat, stream, structured_output, tools)
