# packages: lorax-client
from lorax import Client

from common import MODEL, URL, run

client = Client(URL, timeout=120)


def generate():
    answer = client.generate("Once upon a time", adapter_id=MODEL, max_new_tokens=12)
    assert answer.generated_text and answer.details.generated_tokens == 12, answer


def sampled():
    assert client.generate("Once upon a time", adapter_id=MODEL, max_new_tokens=8, do_sample=True, temperature=0.7, typical_p=0.95, seed=1).generated_text


def stream():
    assert "".join(piece.token.text for piece in client.generate_stream("Once upon a time", adapter_id=MODEL, max_new_tokens=8))


def schema():
    import json
    answer = client.generate(
        "A city as JSON: ", adapter_id=MODEL, max_new_tokens=80,
        response_format={"type": "json_object", "schema": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}}, "required": ["name"]}})
    assert set(json.loads(answer.generated_text)) == {"name"}


run(generate, sampled, stream, schema)
