extension PEFTJob {
    /// `train.py` of mixtures, which PEFT does not know. MoE-PEFT's own trainer learns prompts and answers alike in templates of its own;
    /// its model trains any tokens.
    static let mixtureScript = #"""
        """Tunes the adapter that job.json describes, a mixture, with MoE-PEFT's model.

            python train.py [--base MODEL] [--out FOLDER] [--type f32|bf16] [--device-batch N] [--max-steps N] [--threads N]

        The rows are tokens already (train.jsonl, held_out.jsonl). Writes FOLDER (result/NAME), an adapter's folder.
        """

        import argparse
        import json
        import math
        import os
        import pathlib
        import shutil

        import torch

        os.environ.setdefault("MOE_PEFT_EXECUTOR_TYPE", "CUDA" if torch.cuda.is_available() else "CPU")

        from moe_peft import LLMBatchConfig, LLMModel, LLMModelInput, adapter_factory
        from moe_peft.models import from_pretrained
        from safetensors.torch import load_file, save_file
        from transformers import Adafactor, AutoModelForCausalLM, get_scheduler

        HERE = pathlib.Path(__file__).resolve().parent
        JOB = json.loads((HERE / "job.json").read_text())
        ARGUMENTS, NAME = JOB["arguments"], JOB["name"]
        TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
        DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


        def rows(name):
            path = HERE / name
            # A line ends at a line feed alone: texts may hold other separators of lines.
            return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line] if path.exists() else []


        def load_base(path, dtype):
            """A GGUF file, a folder or a repository."""
            place = {"pretrained_model_name_or_path": path}
            if path.endswith(".gguf"):
                file = pathlib.Path(path).resolve()
                place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
            model, info = AutoModelForCausalLM.from_pretrained(
                **place, torch_dtype=dtype, attn_implementation="eager", output_loading_info=True)
            if "lm_head.weight" in info["missing_keys"]:
                # The head is the embedding, which a GGUF file does not say in a way that transformers reads.
                model.lm_head.weight = model.get_input_embeddings().weight
            model.to(DEVICE)
            size = model.get_input_embeddings().weight.shape[0]
            if size < JOB["base"]["vocabulary"]:
                raise SystemExit(f"{path} has a vocabulary of {size}, the rows are tokens of one of {JOB['base']['vocabulary']}: "
                                 "name the base of the job with --base")
            return model


        class Mixture:
            """The adapter in MoE-PEFT's model of the base."""

            def __init__(self, base):
                self.model = LLMModel(from_pretrained(base, attn_impl="eager", device=DEVICE))
                self.dropout = JOB["adapter"]["lora_dropout"]
                # MoE-PEFT does not take 0; what is applied is set below.
                self.config = adapter_factory(adapter_name=NAME, **(JOB["adapter"] | {"lora_dropout": self.dropout or 0.05}))
                self.model.init_adapter(self.config)
                self.loras = [lora for layer in self.model.model_.layers_ for linears in layer.state_dict() for linear in linears.values()
                              for lora in linear.loras_.values()]
                self.weights = self.model.get_adapter_weight_dict(NAME)
                if JOB["continues"]:
                    stored = load_file(pathlib.Path(JOB["continues"]) / "adapter_model.safetensors")
                    with torch.no_grad():
                        for key, weight in self.weights.items():
                            weight.copy_(stored[key])
                for weight in self.weights.values():
                    weight.requires_grad_(True)

            def drop(self, probability):
                for lora in self.loras:
                    lora.dropout_.p = probability

            def likelihood(self, batch):
                """The sum over targets of -ln p, and the balance loss of the routers."""
                longest = max(len(row["input_ids"]) for row in batch)
                padded = {key: torch.tensor([row[key] + [fill] * (longest - len(row[key])) for row in batch])
                          for key, fill in (("input_ids", 0), ("labels", -100))}
                masks = torch.tensor([[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in batch])
                output = self.model.forward(LLMModelInput(
                    batch_configs_=[LLMBatchConfig(NAME, 0, len(batch))], batch_tokens_=padded["input_ids"], batch_masks_=masks,
                    batch_labels_=padded["labels"], inference_mode_=False, efficient_operator_=False, output_router_logits_=True))[0]
                labels = padded["labels"][:, 1:].to(output.logits.device)
                loss = torch.nn.functional.cross_entropy(
                    output.logits[:, :-1].float().reshape(-1, output.logits.shape[-1]), labels.reshape(-1), ignore_index=-100, reduction="sum")
                return loss, output.aux_loss if output.aux_loss is not None else 0


        def targets(batch):
            return sum(label != -100 for row in batch for label in row["labels"][1:])


        \#(batches)


        def optimizer(mixture):
            rate, decay = ARGUMENTS["learning_rate"], ARGUMENTS["weight_decay"]
            ratio = JOB["loraplus_lr_ratio"] or 1
            groups = [{"params": [weight for key, weight in mixture.weights.items() if ("lora_B" in key) == is_b],
                       "lr": rate * ratio if is_b else rate} for is_b in (False, True)]
            if ARGUMENTS["optim"] == "adafactor":
                return Adafactor(groups, lr=rate, weight_decay=decay, scale_parameter=False, relative_step=False)
            return torch.optim.AdamW(groups, lr=rate, betas=(ARGUMENTS["adam_beta1"], ARGUMENTS["adam_beta2"]),
                                     eps=ARGUMENTS["adam_epsilon"], weight_decay=decay)


        def order(count, seed):
            """Rows without end, each epoch in an order of its own."""
            generator = torch.Generator().manual_seed(seed)
            while True:
                yield from torch.randperm(count, generator=generator).tolist()


        def evaluate(mixture, held_out, batch):
            mixture.drop(0.0)
            with torch.no_grad():
                losses = [mixture.likelihood(held_out[start:start + batch])[0].item() for start in range(0, len(held_out), batch)]
            return sum(losses) / targets(held_out)


        def train(mixture, rows, held_out, batch, total, per_epoch):
            optim = optimizer(mixture)
            warmup = ARGUMENTS["warmup_steps"]
            # Below 1 it is a share of the steps.
            schedule = get_scheduler(ARGUMENTS["lr_scheduler_type"], optim, math.ceil(warmup * total) if warmup < 1 else warmup, total)
            drawn, interval, best, waited = order(len(rows), ARGUMENTS["seed"]), JOB["eval_steps"] or per_epoch, None, 0
            for step in range(total):
                # The last step of an epoch may be smaller.
                left = len(rows) - step % per_epoch * JOB["examples"]
                examples = [rows[next(drawn)] for _ in range(min(JOB["examples"], left))]
                count, loss = targets(examples), 0.0
                mixture.drop(mixture.dropout)
                for start in range(0, len(examples), batch):
                    part = examples[start:start + batch]
                    negative, balance = mixture.likelihood(part)
                    (negative / count + balance * len(part) / len(examples)).backward()
                    loss += negative.item() / count
                if ARGUMENTS["max_grad_norm"]:
                    torch.nn.utils.clip_grad_norm_(list(mixture.weights.values()), ARGUMENTS["max_grad_norm"])
                optim.step()
                schedule.step()
                optim.zero_grad(set_to_none=True)
                print(f"step {step + 1} of {total}: loss {loss:.4f}", flush=True)
                if held_out and ((step + 1) % interval == 0 or step + 1 == total):
                    found = evaluate(mixture, held_out, batch)
                    print(f"step {step + 1}: held-out loss {found:.4f}", flush=True)
                    if best is None or found < best[0]:
                        best, waited = (found, {key: weight.detach().clone() for key, weight in mixture.weights.items()}), 0
                    else:
                        waited += 1
                        if JOB["early_stopping_patience"] and waited >= JOB["early_stopping_patience"]:
                            break
            return best[1] if best else {key: weight.detach() for key, weight in mixture.weights.items()}


        def write(mixture, weights, out):
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            document = mixture.config.export() | {
                "base_model_name_or_path": JOB["base"]["name"], "task_type": "CAUSAL_LM", "lora_dropout": mixture.dropout}
            (out / "adapter_config.json").write_text(json.dumps(document, indent=2) + "\n")
            save_file({key: weight.float().cpu().contiguous() for key, weight in weights.items()}, out / "adapter_model.safetensors")
            shutil.copy(HERE / "route.yaml", out / "route.yaml")
            print(f"wrote {out}", flush=True)


        def main():
            parser = argparse.ArgumentParser(description="Tunes the mixture of job.json with MoE-PEFT's model.")
            parser.add_argument("--base", default=JOB["base"]["path"], help="the base: a GGUF file, a folder or a repository")
            parser.add_argument("--out", type=pathlib.Path, default=HERE / "result" / NAME, help="the adapter's folder")
            parser.add_argument("--type", choices=TYPES, default="f32", help="of the base's weights; the adapter's are f32")
            parser.add_argument("--device-batch", type=int, help="examples that go through the model at once")
            parser.add_argument("--max-steps", type=int, help="ends after so many steps, for a trial")
            parser.add_argument("--threads", type=int, help="of a CPU")
            options = parser.parse_args()
            if options.threads:
                torch.set_num_threads(options.threads)
            examples, held_out = rows("train.jsonl"), rows("held_out.jsonl")
            torch.manual_seed(ARGUMENTS["seed"])
            mixture = Mixture(load_base(options.base, TYPES[options.type]))
            per_epoch = math.ceil(len(examples) / JOB["examples"])
            total = ARGUMENTS["max_steps"] if ARGUMENTS["max_steps"] > 0 else math.ceil(ARGUMENTS["num_train_epochs"] * per_epoch)
            total = min(total, options.max_steps or total)
            weights = train(mixture, examples, held_out, device_batch(options.device_batch, examples), total, per_epoch)
            write(mixture, weights, options.out)


        if __name__ == "__main__":
            main()

        """#
}
