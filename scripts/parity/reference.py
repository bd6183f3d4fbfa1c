"""The reference's tokenizers of the real models."""

from texts import ROOT


def smollm2(path=ROOT / "models/base.gguf"):
    """Of the vocabulary and merges in the GGUF file, with SmolLM's pre-tokenizer."""
    from gguf import GGUFReader
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    fields = GGUFReader(path).fields
    tokens, types, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "token_type", "merges"))
    made = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)}, merges=[tuple(merge.split(" ")) for merge in merges]))
    made.pre_tokenizer = Sequence([
        Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)])
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([
        AddedToken(token, special=True, normalized=False) for token, type in zip(tokens, types) if type == 3])
    return made


def sentencepiece(tokens, types, scores):
    """Of what a GGUF file whose tokenizer is `llama` says. Merges are those of transformers' own conversion; user-defined
    tokens are found in the text with its spaces marked, as SentencePiece does it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers.tokenization_utils_base import generate_merges

    normal = {token: i for i, token in enumerate(tokens) if types[i] == 1}
    merges = generate_merges(normal, {token: scores[i] for token, i in normal.items()})
    made = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)}, merges=merges, unk_token=tokens[types.index(2)] if 2 in types
        else None, fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(pattern=" ", behavior="merged_with_previous", invert=False)
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([
        AddedToken(token, special=True, normalized=False) for token, type in zip(tokens, types) if type in (2, 3)])
    made.add_tokens([AddedToken(token, normalized=True) for token, type in zip(tokens, types) if type == 4])
    return made


def gemma(path=ROOT / "models/gemma-3-270m.gguf"):
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    return sentencepiece(*(fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "token_type", "scores")))


def encoder(path=ROOT / "models/encoder/tokenizer.json"):
    """Of the file, without the padding and truncation that it asks for."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(path))
    made.no_padding()
    made.no_truncation()
    return made
