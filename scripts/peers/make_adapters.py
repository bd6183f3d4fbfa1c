"""Makes adapters with the same weights for both sides: PEFT folders for lmoe, GGUF files for llama.cpp.

    python scripts/peers/make_adapters.py models/base.gguf FOLDER --count 8 --rank 16

Writes FOLDER/peft/bench-0/ (adapter_config.json, adapter_model.safetensors in bf16) and FOLDER/gguf/bench-0.gguf (f16), and so
on: all seven projections of every layer, alpha = rank. Elements are whole numbers of -127 to 127 times a power of two, so bf16
and f16 both hold them exactly. B is small: the text stays that of the base, so both sides generate alike.
With --examples N each folder gets a route.yaml with N sentences, and --no-gguf leaves llama.cpp's files out.

Pins: Python 3.11, gguf 0.19.0, numpy 2.4.6.
"""

import argparse
import json
import pathlib
import random
import struct

import gguf
import numpy

# As PEFT and as GGUF name them.
PROJECTIONS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
WORDS = "river mountain invoice garden engine letter planet violin recipe market harbour winter python copper theatre doctor".split()


class Base:
    """What of a base model's file the adapters need."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)

        def field(name):
            found = reader.get_field(name)
            return None if found is None else found.contents()

        self.architecture = field("general.architecture")
        self.heads = {
            "attn_q": field(f"{self.architecture}.attention.head_count"),
            "attn_k": field(f"{self.architecture}.attention.head_count_kv"),
        }
        # [outputs, inputs]; the file has them the other way round.
        self.shapes = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in reader.tensors}
        self.layers = int(field(f"{self.architecture}.block_count"))

    def permuted(self, name, matrix):
        """Rows of q and k in the order of llama's GGUF files: pairs of a head's dimension side by side, not in halves."""
        heads = self.heads.get(name)
        if self.architecture != "llama" or not heads:
            return matrix
        rows = matrix.shape[0]
        return matrix.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(matrix.shape)


def matrices(base, rank, seed):
    """(PEFT stem, GGUF stem, A [rank, inputs], B [outputs, rank]) of one adapter, f32."""
    source = numpy.random.default_rng(seed)

    def draw(shape, exponent):
        return source.integers(-127, 128, shape, dtype=numpy.int16).astype(numpy.float32) * numpy.float32(2.0**exponent)

    for layer in range(base.layers):
        for peft, name in PROJECTIONS.items():
            outputs, inputs = base.shapes[f"blk.{layer}.{name}.weight"]
            yield f"base_model.model.model.layers.{layer}.{peft}", f"blk.{layer}.{name}.weight", name, \
                draw((rank, inputs), -12), draw((outputs, rank), -17)


def bf16(matrix):
    """The upper half of each f32; exact here."""
    return (numpy.ascontiguousarray(matrix).view(numpy.uint32) >> 16).astype(numpy.uint16)


def write_peft(folder, pairs, rank, examples):
    folder.mkdir(parents=True, exist_ok=True)
    header, blobs, offset = {}, [], 0
    for stem, _, _, a, b in pairs:
        for part, matrix in (("lora_A", a), ("lora_B", b)):
            blob = bf16(matrix).tobytes()
            header[f"{stem}.{part}.weight"] = {
                "dtype": "BF16", "shape": list(matrix.shape), "data_offsets": [offset, offset + len(blob)]}
            offset += len(blob)
            blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "adapter_model.safetensors").write_bytes(b"".join([struct.pack("<Q", len(text)), text, *blobs]))
    configuration = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "bias": "none", "lora_dropout": 0.0,
        "inference_mode": True, "target_modules": sorted(name.split(".")[1] for name in PROJECTIONS)}
    (folder / "adapter_config.json").write_text(json.dumps(configuration, indent=2))
    if examples:
        lines = "".join(f"  - {json.dumps(example)}\n" for example in examples)
        (folder / "route.yaml").write_text(f"description: Answers made for measuring.\nexamples:\n{lines}")


def write_gguf(path, base, pairs, rank):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, base.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for _, stem, name, a, b in pairs:
        writer.add_tensor(f"{stem}.lora_a", a.astype(numpy.float16))
        writer.add_tensor(f"{stem}.lora_b", base.permuted(name, b).astype(numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def sentences(index, count):
    source = random.Random(index)
    return [" ".join(["please explain"] + source.sample(WORDS, 3) + [f"number {index}"]) for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--examples", type=int, default=0)
    parser.add_argument("--no-gguf", action="store_true")
    options = parser.parse_args()
    base = Base(options.base)
    for index in range(options.count):
        pairs = list(matrices(base, options.rank, index))
        write_peft(options.folder / "peft" / f"bench-{index}", pairs, options.rank, sentences(index, options.examples))
        if not options.no_gguf:
            write_gguf(options.folder / "gguf" / f"bench-{index}.gguf", base, pairs, options.rank)


if __name__ == "__main__":
    main()
