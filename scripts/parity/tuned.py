"""Loads adapters that lmoe tuned with peft, and compares log-probabilities.

    LMOE_TUNED_FOLDERS=$PWD/.build/tuned swift test --filter AdapterFolderTests
    python scripts/parity/tuned.py .build/tuned

Each folder there has `expected.json`: tokens, and the log-probability of each but the first as the training workspace computes it in f32.
Exits with 1 when one is off by more than 2e-5, or when peft warns (of missing keys, for example).

Pins: Python 3.11, torch 2.13.0, transformers 5.24.0, peft 0.21.2.
"""

import json
import pathlib
import sys
import warnings

# A file here has the name of a package that is needed.
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != pathlib.Path(__file__).resolve().parent]

import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

MODELS = pathlib.Path(__file__).parents[2] / "Tests/ModelsTests/Fixtures"


def difference(folder):
    base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    model = AutoModelForCausalLM.from_pretrained(MODELS / base, dtype=torch.float32, attn_implementation="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = PeftModel.from_pretrained(model, folder).eval()
    expected = json.loads((folder / "expected.json").read_text())
    tokens = torch.tensor([expected["tokens"]])
    with torch.no_grad():
        logarithms = model(tokens).logits[0, :-1].log_softmax(-1)
        with model.disable_adapter():
            plain = model(tokens).logits[0, :-1].log_softmax(-1)
    pick = lambda rows: rows.gather(1, tokens[0, 1:, None])[:, 0]
    assert (pick(logarithms) - pick(plain)).abs().max() > 0.01, "the adapter changes nothing"
    return (pick(logarithms) - torch.tensor(expected["logarithms"])).abs().max().item()


def main():
    worst = 0.0
    for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        found = difference(folder)
        worst = max(worst, found)
        print(f"{folder.name}: off by {found:.2e}")
    return 1 if worst > 2e-5 or worst == 0.0 else 0


if __name__ == "__main__":
    sys.exit(main())
