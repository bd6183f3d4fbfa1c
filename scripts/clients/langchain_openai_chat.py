# packages: langchain-openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from common import MODEL, URL, run

chat_model = ChatOpenAI(model=MODEL, base_url=f"{URL}/v1", api_key="none", temperature=0, max_tokens=80, max_retries=0)


class City(BaseModel):
    """A city."""

    name: str
    population: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return "sunny"


def chat():
    answer = chat_model.invoke("Say hello.")
    assert answer.content and answer.usage_metadata["output_tokens"] > 0, answer


def stream():
    assert "".join(piece.content for piece in chat_model.stream("Say hello."))


def structured_output():
    assert isinstance(chat_model.with_structured_output(City).invoke("Tell me about Paris."), City)


def structured_output_by_tool():
    assert isinstance(chat_model.with_structured_output(City, method="function_calling").invoke("Tell me about Paris."), City)


def tools():
    ask = [HumanMessage("What is the weather in Paris?")]
    answer = chat_model.bind_tools([get_weather], tool_choice="any").invoke(ask)
    assert answer.tool_calls and answer.tool_calls[0]["name"] == "get_weather", answer
    again = ask + [answer] + [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls]
    assert chat_model.bind_tools([get_weather]).invoke(again) is not None


def embeddings():
    # The client tokenizes for OpenAI's models unless it is told not to.
    vectors = OpenAIEmbeddings(model="encoder", base_url=f"{URL}/v1", api_key="none", check_embedding_ctx_length=False).embed_documents(["a", "b c"])
    assert len(vectors) == 2 and len(vectors[0]) > 10


run(chat, stream, structured_output, structured_output_by_tool, tools, embeddings)
