"""Prompt 512 and decode 128 of ik_llama.cpp through its wheel's C API, in tokens/s: `python ik_llama.py MODEL THREADS`.

Pins: ik-llama-cpp-python 0.1.5.
"""

import ctypes
import sys
import time

from ik_llama_cpp import _ctypes_api as api


def decode(context, batch, tokens, position):
    batch.n_tokens = len(tokens)
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index] = token, position + index
        batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
        batch.logits[index] = index == len(tokens) - 1
    if api.llama_decode(context, batch) != 0:
        raise RuntimeError("llama_decode failed")


def main():
    model_path, threads = sys.argv[1], int(sys.argv[2])
    api.llama_backend_init()
    model = api.llama_model_load_from_file(model_path.encode(), api.llama_model_default_params())
    parameters = api.llama_context_default_params()
    parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = 1024, 512, 512
    parameters.n_threads = parameters.n_threads_batch = threads
    context = api.llama_init_from_model(model, parameters)
    batch = api.llama_batch_init(512, 0, 1)
    prompt = [1000 + index * 37 % 30000 for index in range(512)]
    rates = []
    for is_timed in (False, True):
        api.llama_kv_cache_clear(context)
        begin = time.perf_counter()
        decode(context, batch, prompt, 0)
        # The logits are there when they are read.
        ctypes.cast(api.llama_get_logits_ith(context, 511), ctypes.c_void_p)
        seconds = time.perf_counter() - begin
        api.llama_kv_cache_clear(context)
        begin = time.perf_counter()
        for step in range(128):
            decode(context, batch, [1000 + step], step)
        if is_timed:
            rates = [512 / seconds, 128 / (time.perf_counter() - begin)]
    print(*rates)


if __name__ == "__main__":
    main()
