"""Keeps drawn requests short, and lets them reach what is served: most names are drawn, and unknown names are refused at once."""

import schemathesis

TOKENS = 4
LENGTHS = {
    "/v1/chat/completions": ("max_tokens", "max_completion_tokens"), "/v1/completions": ("max_tokens",), "/v1/messages": ("max_tokens",),
    "/v1/responses": ("max_output_tokens",),
}
NAMES = {"model": "base", "expert": "intent", "adapter_id": "intent", "memory": "facts", "source": "intent"}
PLACES = {"/v1/models/{id}": "base", "/v1/adapters/{name}": "drawn", "/v1/memories/{id}": "facts:1"}
EMBEDS = ("/v1/embeddings", "/api/embed", "/api/embeddings")


@schemathesis.hook
def before_call(context, case, kwargs):
    body, path = case.body, case.operation.path
    if path in PLACES:
        case.path_parameters = {name: PLACES[path] for name in case.path_parameters}
    if not isinstance(body, dict):
        return
    for field in LENGTHS.get(path, ()):
        if type(body.get(field)) is int and body[field] > TOKENS:
            body[field] = TOKENS
    for field, name in NAMES.items():
        # What is wrong by its type or its length stays wrong.
        if isinstance(body.get(field), str) and body[field]:
            body[field] = "encoder" if path in EMBEDS else name
