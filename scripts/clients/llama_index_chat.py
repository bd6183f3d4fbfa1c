# packages: llama-index-llms-openai-like llama-index-embeddings-openai-like
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from common import MODEL, URL, run

model = OpenAILike(
    model=MODEL, api_base=f"{URL}/v1", api_key="none", is_chat_model=True, is_function_calling_model=True, context_window=2048,
    temperature=0, max_tokens=80, max_retries=0)


class City(BaseModel):
    """A city."""

    name: str
    population: int


def get_weather(city: str) -> str:
    """Weather of a city."""
    return "sunny"


def chat():
    assert model.chat([ChatMessage(role="user", content="Say hello.")]).message.content


def complete():
    assert model.complete("Say hello.").text


def stream():
    assert "".join(piece.delta or "" for piece in model.stream_chat([ChatMessage(role="user", content="Say hello.")]))


def structured_output():
    assert isinstance(model.as_structured_llm(City).complete("Tell me about Paris.").raw, City)


def tools():
    answer = model.chat_with_tools([FunctionTool.from_defaults(get_weather)], user_msg="What is the weather in Paris?", tool_required=True)
    calls = model.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
    assert calls and calls[0].tool_name == "get_weather", answer


run(chat, complete, stream, structured_output, tools)
