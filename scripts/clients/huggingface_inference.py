# packages: huggingface_hub
from huggingface_hub import InferenceClient

from common import MODEL, URL, run


# A client closes its streams when nothing refers to it any more, so these stay.
chats = InferenceClient(base_url=f"{URL}/v1", api_key="none")
texts = InferenceClient(model=URL, api_key="none")


def chat():
    answer = chats.chat_completion(
        [{"role": "user", "content": "Say hello."}], model=MODEL, max_tokens=12)
    assert answer.choices[0].message.content


def chat_stream():
    pieces = chats.chat_completion(
        [{"role": "user", "content": "Say hello."}], model=MODEL, max_tokens=12, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


def text_generation():
    assert texts.text_generation("Once upon a time", max_new_tokens=8)


def text_generation_stream():
    assert "".join(texts.text_generation("Once upon a time", max_new_tokens=8, stream=True))


run(chat, chat_stream, text_generation, text_generation_stream)
