extension PEFTJob {
    /// Of both scripts: how many examples go through the model at once.
    static let batches = #"""
        def length(row):
            if "input_ids" in row:
                return len(row["input_ids"])
            answers = [row[key] for key in ("chosen_ids", "rejected_ids", "completion_ids") if key in row]
            return sum(len(row["prompt_ids"]) + len(answer) for answer in answers)


        def device_batch(wanted, train):
            """Examples that go through the model at once: as many as divide a step and fit the job's tokens, or what was asked for."""
            examples = JOB["examples"]
            if wanted:
                if examples % wanted:
                    raise SystemExit(f"--device-batch {wanted} does not divide a step of {examples} examples")
                return wanted
            longest = max(length(row) for row in train)
            fitting = [n for n in range(1, examples + 1) if examples % n == 0 and n * longest <= JOB["micro_batch_tokens"]]
            # KTO compares the rows of a batch with each other.
            least = 2 if JOB["trainer"] == "kto" and examples % 2 == 0 else 1
            return max(fitting + [least])
        """#

    /// `train.py`. It reads `job.json` beside it.
    static let script = #"""
        """Tunes the adapter that job.json describes with PEFT and TRL.

            python train.py [--base MODEL] [--out FOLDER] [--type f32|bf16] [--device-batch N] [--max-steps N] [--threads N]

        The rows are tokens already (train.jsonl, held_out.jsonl). Writes FOLDER (result/NAME), an adapter's folder.
        """

        import argparse
        import json
        import pathlib
        import shutil

        import peft
        import torch
        from datasets import Dataset
        from transformers import AutoModelForCausalLM, AutoTokenizer, EarlyStoppingCallback

        HERE = pathlib.Path(__file__).resolve().parent
        JOB = json.loads((HERE / "job.json").read_text())
        TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


        def rows(name):
            path = HERE / name
            if not path.exists():
                return None
            # A line ends at a line feed alone: texts may hold other separators of lines.
            return Dataset.from_list([json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line])


        def load_base(path, dtype):
            """A GGUF file, a folder or a repository: the model and its tokenizer."""
            place = {"pretrained_model_name_or_path": path}
            if path.endswith(".gguf"):
                file = pathlib.Path(path).resolve()
                place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
            model = AutoModelForCausalLM.from_pretrained(**place, dtype=dtype)
            if "gguf_file" in place:
                # Its weights are plain numbers now, and the trainer does not know.
                quantized, config = model, model.config
                if hasattr(config, "quantization_config"):
                    del config.quantization_config
                model = AutoModelForCausalLM.from_config(config, dtype=dtype)
                model.load_state_dict(quantized.state_dict())
            tokenizer = AutoTokenizer.from_pretrained(**place)
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token
            size = model.get_input_embeddings().weight.shape[0]
            if size < JOB["base"]["vocabulary"]:
                raise SystemExit(f"{path} has a vocabulary of {size}, the rows are tokens of one of {JOB['base']['vocabulary']}: "
                                 "name the base of the job with --base")
            return model, tokenizer


        def check_tokens(tokenizer, train):
            """A tokenizer that reads the first row otherwise belongs to another base."""
            row = train[0]
            text = row.get("text") or row["prompt"]
            tokens = row.get("input_ids") or row["prompt_ids"]
            if tokenizer(text, add_special_tokens=False).input_ids != tokens:
                print("warning: the base's tokenizer reads the first row otherwise; is it the base of the job?", flush=True)


        def adapted(model):
            if JOB["continues"]:
                return peft.PeftModel.from_pretrained(model, JOB["continues"], is_trainable=True)
            settings = dict(JOB["adapter"])
            config = peft.PEFT_TYPE_TO_CONFIG_MAPPING[settings.pop("peft_type")](**settings)
            return peft.get_peft_model(model, config)


        \#(batches)


        def arguments(batch, held_out, options):
            common = dict(JOB["arguments"])
            if options.max_steps:
                common["max_steps"] = options.max_steps
            common |= {
                "output_dir": str(HERE / "checkpoints"), "per_device_train_batch_size": batch, "per_device_eval_batch_size": batch,
                "gradient_accumulation_steps": JOB["examples"] // batch, "bf16": options.type == "bf16", "logging_steps": 1,
                "report_to": "none", "use_cpu": not torch.cuda.is_available(), "dataloader_pin_memory": torch.cuda.is_available(),
                "gradient_checkpointing": options.checkpointing, "remove_unused_columns": JOB["trainer"] in ("sft", "dpo", "kto"),
                # A held-out loss has no use for the logits.
                "prediction_loss_only": True, "max_length": None,
            }
            if held_out is not None:
                interval = JOB["eval_steps"]
                when = {"eval_strategy": "steps", "eval_steps": interval, "save_strategy": "steps", "save_steps": interval} if interval \
                    else {"eval_strategy": "epoch", "save_strategy": "epoch"}
                common |= when | {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": False,
                                  "save_total_limit": 2}
            else:
                common |= {"save_strategy": "no"}
            if JOB["trainer"] in ("cpo", "orpo"):
                common["max_length"] = 1 << 20
            return common


        def optimizers(model, settings):
            """LoRA+ gives B a learning rate of its own."""
            if JOB["loraplus_lr_ratio"] is None:
                return None, None
            from peft.optimizers import create_loraplus_optimizer

            options = {"lr": settings["learning_rate"], "loraplus_lr_ratio": JOB["loraplus_lr_ratio"],
                       "loraplus_lr_embedding": JOB["loraplus_lr_embedding"], "loraplus_weight_decay": settings["weight_decay"],
                       "betas": (settings["adam_beta1"], settings["adam_beta2"]), "eps": settings["adam_epsilon"]}
            return create_loraplus_optimizer(model, torch.optim.AdamW, **options), None


        class Prepared:
            """A trainer whose rows are tokens already."""

            def _prepare_dataset(self, dataset, processing_class, settings, dataset_name):
                if JOB["trainer"] != "kto":
                    return dataset

                def mismatched(rows):
                    """The answer of another row of the batch, as KTO's estimate of the divergence wants."""
                    return {"KL_completion_ids": [rows["completion_ids"][-1]] + rows["completion_ids"][:-1]}

                return dataset.map(mismatched, batched=True, batch_size=settings.per_device_train_batch_size)

            def tokenize_row(self, row, *arguments, **options):
                found = {"prompt_input_ids": row["prompt_ids"], "prompt_attention_mask": [1] * len(row["prompt_ids"])}
                for key in ("chosen", "rejected"):
                    tokens = row["prompt_ids"] + row[f"{key}_ids"]
                    found |= {f"{key}_input_ids": tokens, f"{key}_attention_mask": [1] * len(tokens),
                              f"{key}_labels": [-100] * len(row["prompt_ids"]) + row[f"{key}_ids"]}
                return found


        def trainer_types():
            if JOB["trainer"] == "sft":
                from trl import SFTConfig, SFTTrainer

                return SFTTrainer, SFTConfig
            if JOB["trainer"] == "dpo":
                from trl import DPOConfig as Config, DPOTrainer as Trainer
            elif JOB["trainer"] == "kto":
                from trl import KTOConfig as Config, KTOTrainer as Trainer
            elif JOB["trainer"] == "cpo":
                from trl.experimental.cpo import CPOConfig as Config, CPOTrainer as Trainer
            else:
                from trl.experimental.orpo import ORPOConfig as Config, ORPOTrainer as Trainer
            return type("PreparedTrainer", (Prepared, Trainer), {}), Config


        def write(model, out):
            shutil.rmtree(out, ignore_errors=True)
            # Not the reference of a preference loss, which is an adapter, too.
            model.save_pretrained(out, selected_adapters=["default"])
            shutil.copy(HERE / "route.yaml", out / "route.yaml")
            print(f"wrote {out}", flush=True)


        def main():
            parser = argparse.ArgumentParser(description="Tunes the adapter of job.json with PEFT and TRL.")
            parser.add_argument("--base", default=JOB["base"]["path"], help="the base: a GGUF file, a folder or a repository")
            parser.add_argument("--out", type=pathlib.Path, default=HERE / "result" / JOB["name"], help="the adapter's folder")
            parser.add_argument("--type", choices=TYPES, default="f32", help="of the base's weights and of what is computed")
            parser.add_argument("--device-batch", type=int, help="examples that go through the model at once")
            parser.add_argument("--max-steps", type=int, help="ends after so many steps, for a trial")
            parser.add_argument("--threads", type=int, help="of a CPU")
            parser.add_argument("--checkpointing", action="store_true", help="computes activations twice and keeps few")
            options = parser.parse_args()
            if options.threads:
                torch.set_num_threads(options.threads)
            train, held_out = rows("train.jsonl"), rows("held_out.jsonl")
            base, tokenizer = load_base(options.base, TYPES[options.type])
            check_tokens(tokenizer, train)
            torch.manual_seed(JOB["arguments"]["seed"])
            model = adapted(base)
            model.print_trainable_parameters()
            Trainer, Config = trainer_types()
            settings = arguments(device_batch(options.device_batch, train), held_out, options)
            callbacks = []
            if JOB["early_stopping_patience"] and held_out is not None:
                callbacks.append(EarlyStoppingCallback(JOB["early_stopping_patience"]))
            trainer = Trainer(model=model, args=Config(**settings), train_dataset=train, eval_dataset=held_out,
                              processing_class=tokenizer, callbacks=callbacks, optimizers=optimizers(model, settings))
            trainer.train()
            write(trainer.accelerator.unwrap_model(trainer.model), options.out)


        if __name__ == "__main__":
            main()

        """#
}
