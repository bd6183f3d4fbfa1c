# packages: huggingface_hub
from huggingface_hub import InferenceClient

from common import MODEL, URL, run


def chat():
    answer = InferenceClient(base_url=f"{URL}/v1", api_key="none").chat_completion(
        [{"role": "user", "content": "Say hello."}], model=MODEL, max_tokens=12)
    assert answer.choices[0].message.content


def chat_stream():
    pieces = InferenceClient(base_url=f"{URL}/v1", api_key="none").chat_completion(
        [{"role": "user", "content": "Say hello."}], model=MODEL, max_tokens=12, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


def text_generation():
    assert InferenceClient(model=URL, api_key="none").text_generation("Once upon a time", max_new_tokens=8)


def text_generation_stream():
    assert "".join(InferenceClient(model=URL, api_key="none").text_generation("Once upon a time", max_new_tokens=8, stream=True))


run(chat, chat_stream, text_generation, text_generation_stream)
