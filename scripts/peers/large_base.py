"""A base of a billion random weights in the shapes of Q4_K_M, with the tokenizer of models/base.gguf: for figures of memory and time.

    python scripts/peers/large_base.py OUT.gguf [--base models/base.gguf]

16 layers of 2048, feed-forward 8192, 32 heads and 8 for keys and values, tied head. Values and half of the down projections are Q6_K, as is
the embedding; the other matrices are Q4_K. Needs gguf 0.19 and numpy.
"""

import argparse

import gguf
import numpy

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KEY_VALUE_HEADS, CONTEXT = 2048, 8192, 16, 32, 8, 8192
KEY_VALUE = HIDDEN // HEADS * KEY_VALUE_HEADS
random = numpy.random.default_rng(7)


def q4_k(rows, columns, deviation):
    """Blocks of 256: two f16 factors, 12 bytes of scales, 128 of numbers of 4 bits. A weight is d scale (q - 7.5) or so."""
    blocks = random.integers(0, 256, (rows, columns // 256, 144), dtype=numpy.uint8)
    scale = numpy.float16(deviation / 32 / 4.6)
    for place, factor in ((0, scale), (2, numpy.float16(float(scale) * 7.5))):
        blocks[:, :, place:place + 2] = numpy.frombuffer(factor.tobytes(), numpy.uint8)
    return blocks.reshape(rows, -1)


def q6_k(rows, columns, deviation):
    """Blocks of 256: 192 bytes of numbers of 6 bits, 16 signed scales, an f16 factor."""
    blocks = random.integers(0, 256, (rows, columns // 256, 210), dtype=numpy.uint8)
    blocks[:, :, 208:210] = numpy.frombuffer(numpy.float16(deviation / 74 / 18).tobytes(), numpy.uint8)
    return blocks.reshape(rows, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--base", default="models/base.gguf", help="whose tokenizer it gets")
    arguments = parser.parse_args()
    reader = gguf.GGUFReader(arguments.base)
    writer = gguf.GGUFWriter(arguments.out, "llama")
    for name, field in reader.fields.items():
        if name.startswith("tokenizer."):
            kind = field.types[0]
            part = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, part)
    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].contents())
    writer.add_name("a billion random weights")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(vocabulary)
    kinds = {q4_k: gguf.GGMLQuantizationType.Q4_K, q6_k: gguf.GGMLQuantizationType.Q6_K}

    def matrix(name, make, rows, columns):
        writer.add_tensor(f"{name}.weight", make(rows, columns, columns ** -0.5), raw_dtype=kinds[make])

    def norm(name):
        writer.add_tensor(f"{name}.weight", numpy.ones(HIDDEN, numpy.float32))

    matrix("token_embd", q6_k, vocabulary, HIDDEN)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        matrix(f"{block}.attn_q", q4_k, HIDDEN, HIDDEN)
        matrix(f"{block}.attn_k", q4_k, KEY_VALUE, HIDDEN)
        matrix(f"{block}.attn_v", q6_k, KEY_VALUE, HIDDEN)
        matrix(f"{block}.attn_output", q4_k, HIDDEN, HIDDEN)
        norm(f"{block}.ffn_norm")
        matrix(f"{block}.ffn_gate", q4_k, FEED_FORWARD, HIDDEN)
        matrix(f"{block}.ffn_up", q4_k, FEED_FORWARD, HIDDEN)
        matrix(f"{block}.ffn_down", q6_k if layer % 2 else q4_k, HIDDEN, FEED_FORWARD)
    norm("output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
