# packages: text-generation
from text_generation import Client

from common import URL, run

client = Client(URL, timeout=120)


def generate():
    answer = client.generate("Once upon a time", max_new_tokens=12)
    assert answer.generated_text and answer.details.generated_tokens == 12, answer


def prefill_details():
    assert client.generate("Once upon a time", max_new_tokens=2, decoder_input_details=True).details.prefill


def stream():
    assert "".join(piece.token.text for piece in client.generate_stream("Once upon a time", max_new_tokens=8))


run(generate, prefill_details, stream)
