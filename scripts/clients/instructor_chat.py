# packages: instructor
import instructor
from openai import OpenAI
from pydantic import BaseModel

from common import MODEL, URL, run


class City(BaseModel):
    """A city."""

    name: str
    population: int


def ask(mode):
    client = instructor.from_openai(OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0), mode=mode)
    city = client.chat.completions.create(
        model=MODEL, response_model=City, messages=[{"role": "user", "content": "Tell me about Paris."}], max_retries=0, temperature=0,
        max_tokens=120)
    assert isinstance(city, City)


def tools():
    ask(instructor.Mode.TOOLS)


def tools_strict():
    ask(instructor.Mode.TOOLS_STRICT)


def json_schema():
    ask(instructor.Mode.JSON_SCHEMA)


def json_mode():
    ask(instructor.Mode.JSON)


run(tools, tools_strict, json_schema, json_mode)
