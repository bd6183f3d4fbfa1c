# packages: pydantic-ai-slim[openai,anthropic]
import asyncio
from pydantic import BaseModel
from pydantic_ai import Agent, ToolOutput, NativeOutput
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIChatModel
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.anthropic import AnthropicProvider

from common import MODEL, URL, run

PROVIDER = OpenAIProvider(base_url=f"{URL}/v1", api_key="none")
MODELS = {"responses": OpenAIResponsesModel(MODEL, provider=PROVIDER), "chat": OpenAIChatModel(MODEL, provider=PROVIDER),
          "anthropic": AnthropicModel(MODEL, provider=AnthropicProvider(base_url=URL, api_key="none"))}
SETTINGS = {"temperature": 0, "max_tokens": 80}


class City(BaseModel):
    name: str
    population: int


def each(body):
    def check():
        wrong = {}
        for name, model in MODELS.items():
            try:
                body(model)
            except Exception as error:
                wrong[name] = f"{type(error).__name__}: {str(error)[:300]}"
        assert not wrong, wrong
    check.__name__ = body.__name__
    return check


@each
def text(model):
    assert Agent(model, instructions="Be brief.", model_settings=SETTINGS).run_sync("Say hello.").output


@each
def text_stream(model):
    async def go():
        async with Agent(model, model_settings=SETTINGS).run_stream("Say hello.") as r:
            return [t async for t in r.stream_text(delta=True)]
    assert asyncio.run(go())


@each
def tool_output(model):
    assert isinstance(Agent(model, output_type=ToolOutput(City), model_settings=SETTINGS).run_sync("Tell me about Paris.").output, City)


def native_output():
    for name in ("responses", "chat"):
        assert isinstance(Agent(MODELS[name], output_type=NativeOutput(City), model_settings=SETTINGS).run_sync("Tell me about Paris.").output, City), name


run(text, text_stream, tool_output, native_output)
