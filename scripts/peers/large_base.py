"""A base of random weights in the shapes of a real one, with the tokenizer of models/base.gguf: for figures of memory and time.

    python scripts/peers/large_base.py OUT.gguf [--shape 1b] [--type Q4_K_M] [--quantize LLAMA_QUANTIZE] [--base models/base.gguf]

Shapes are those of Llama 3.2 (1b, 3b) and 3.1 (8b) with the base's vocabulary; single sizes can be given as well. The weights are normally
distributed 8-bit numbers (Q8_0); with another type, llama-quantize makes it of them, as it would of a real model: Q4_K_M has Q6_K in half of
the values and down projections and in the tied head. Needs gguf 0.19 and numpy, and for other types than Q8_0 llama-quantize, which
scripts/bench-peers builds.
"""

import argparse
import dataclasses
import pathlib
import subprocess
import tempfile

import gguf
import numpy

POOL_BLOCKS = 1 << 21


@dataclasses.dataclass
class Shape:
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    key_value_heads: int
    tied: bool
    context: int = 131_072

    @property
    def key_value(self):
        return self.hidden // self.heads * self.key_value_heads


SHAPES = {
    "1b": Shape(16, 2048, 8192, 32, 8, True),
    "3b": Shape(28, 3072, 8192, 24, 8, True),
    "8b": Shape(32, 4096, 14_336, 32, 8, False),
}


class Weights:
    """Q8_0 blocks of normally distributed numbers, cut from one pool at random places."""

    def __init__(self):
        self.random = numpy.random.default_rng(7)
        numbers = numpy.clip(numpy.rint(self.random.standard_normal((POOL_BLOCKS, 32), numpy.float32) * 40), -127, 127)
        self.pool = numpy.zeros((POOL_BLOCKS, 34), numpy.uint8)
        self.pool[:, 2:] = numbers.astype(numpy.int8).view(numpy.uint8)

    def matrix(self, rows, columns):
        count, parts = rows * columns // 32, []
        while count:
            start = int(self.random.integers(0, POOL_BLOCKS))
            part = self.pool[start:start + count]
            parts.append(part)
            count -= len(part)
        blocks = numpy.concatenate(parts)
        # A standard deviation of 1 / sqrt(inputs).
        blocks[:, :2] = numpy.frombuffer(numpy.float16(columns**-0.5 / 40).tobytes(), numpy.uint8)
        return blocks.reshape(rows, -1)


def write(path, shape, base):
    reader = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(path, "llama")
    for name, field in reader.fields.items():
        if name.startswith("tokenizer."):
            kind = field.types[0]
            part = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, part)
    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].contents())
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_value_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000)
    writer.add_rope_dimension_count(shape.hidden // shape.heads)
    writer.add_vocab_size(vocabulary)
    weights = Weights()

    def matrix(name, rows, columns):
        writer.add_tensor(f"{name}.weight", weights.matrix(rows, columns), raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    def norm(name):
        writer.add_tensor(f"{name}.weight", numpy.ones(shape.hidden, numpy.float32))

    matrix("token_embd", vocabulary, shape.hidden)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        matrix(f"{block}.attn_q", shape.hidden, shape.hidden)
        matrix(f"{block}.attn_k", shape.key_value, shape.hidden)
        matrix(f"{block}.attn_v", shape.key_value, shape.hidden)
        matrix(f"{block}.attn_output", shape.hidden, shape.hidden)
        norm(f"{block}.ffn_norm")
        matrix(f"{block}.ffn_gate", shape.feed_forward, shape.hidden)
        matrix(f"{block}.ffn_up", shape.feed_forward, shape.hidden)
        matrix(f"{block}.ffn_down", shape.hidden, shape.feed_forward)
    norm("output_norm")
    if not shape.tied:
        matrix("output", vocabulary, shape.hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES, default="1b")
    parser.add_argument("--type", default="Q4_K_M", help="as llama-quantize names it; Q8_0 needs no llama-quantize")
    parser.add_argument("--quantize", default=pathlib.Path.home() / ".cache/lmoe-peers/build/bin/llama-quantize", help="llama-quantize")
    parser.add_argument("--base", default="models/base.gguf", help="whose tokenizer it gets")
    for field in dataclasses.fields(Shape):
        if field.type == "int" or field.type is int:
            parser.add_argument("--" + field.name.replace("_", "-"), type=int, help="instead of the shape's")
    arguments = parser.parse_args()
    own = {field.name: getattr(arguments, field.name, None) for field in dataclasses.fields(Shape)}
    shape = dataclasses.replace(SHAPES[arguments.shape], **{name: value for name, value in own.items() if value is not None})
    if arguments.type.upper() == "Q8_0":
        write(arguments.out, shape, arguments.base)
        return
    with tempfile.TemporaryDirectory(dir=arguments.out.parent) as folder:
        whole = pathlib.Path(folder) / "q8_0.gguf"
        write(whole, shape, arguments.base)
        subprocess.run([arguments.quantize, "--allow-requantize", whole, arguments.out, arguments.type], check=True)


if __name__ == "__main__":
    main()
