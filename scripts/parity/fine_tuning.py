"""The openai client against `lmoe serve --tuning-folder`: upload, tune, use, cancel, pause, restart, kill.

    python3 -m venv /tmp/openai && /tmp/openai/bin/pip install openai==3.57.0
    /tmp/openai/bin/python scripts/parity/fine_tuning.py .build/release/lmoe

Takes about a minute with a release build. Ends with an exception at the first difference from what is expected.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import openai

PORT = 18931
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"rank": 4, "max-tokens": 96, "eval-steps": 4, "held-out-share": 8}


class Site:
    """A service over folders of its own."""

    def __init__(self, binary: str):
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(prefix="lmoe-fine-tuning-"))
        (self.folder / "adapters").mkdir()
        self.client = openai.OpenAI(base_url=f"http://127.0.0.1:{PORT}/v1", api_key="none", max_retries=0, timeout=60)

    def start(self):
        words = [
            self.binary, "serve", "--base", ROOT / "models/base.gguf", "--encoder", ROOT / "models/encoder", "--routes", "none",
            "--adapters", self.folder / "adapters", "--cache", self.folder / "cache", "--tuning-folder", self.folder / "tuning",
            "--port", PORT, "--kv-memory", 64,
        ]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log, cwd=ROOT)
        for _ in range(600):
            try:
                return self.client.models.list()
            except openai.APIError:
                time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def end(self, number: int):
        self.process.send_signal(number)
        self.process.wait(120)

    def upload(self, name: str, rows: list[dict]):
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with open(path, "rb") as file:
            return self.client.files.create(file=file, purpose="fine-tune")

    def create(self, file: str, suffix: str, method: str = "supervised", **settings):
        return self.client.fine_tuning.jobs.create(
            model="base", training_file=file, suffix=suffix, seed=7, metadata={"run": suffix},
            method={"type": method, method: {"hyperparameters": {"n_epochs": 1, "batch_size": 4, "learning_rate_multiplier": 2.0}}},
            extra_body={"lmoe": {**SETTINGS, **settings}})

    def until(self, job, condition, seconds: int = 300):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            job = self.client.fine_tuning.jobs.retrieve(job.id)
            if condition(job):
                return job
            assert job.status not in ("succeeded", "failed", "cancelled"), job
            time.sleep(0.05)
        raise TimeoutError(job)

    def weights(self, adapter: str) -> bytes:
        return (self.folder / "adapters" / adapter / "adapter_model.safetensors").read_bytes()


def refused(kind, param: str, call):
    try:
        call()
    except kind as error:
        assert error.body["param"] == param, error.body
        print("refused:", error.body["message"])
        return
    raise AssertionError(f"nothing was refused; expected {param}")


def check(site: Site):
    client, jobs = site.client, site.client.fine_tuning.jobs
    things = ["apple", "sky", "coal", "snow", "leaf", "sun", "plum", "bear", "brick"]
    colours = ["red", "green", "blue", "black", "white", "yellow", "brown", "violet"]
    pairs = [(f"Which colour does the {t} number {i} have in the palette {c}?", f"The palette answer is {c}-{t}.")
             for i, (t, c) in enumerate((t, c) for t in things for c in colours)]
    rows = [{"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]} for q, a in pairs]
    file = site.upload("palette.jsonl", rows)
    assert client.files.content(file.id).read() == (site.folder / "palette.jsonl").read_bytes()

    done = site.until(site.create(file.id, "palette"), lambda job: job.status == "succeeded")
    answer = client.chat.completions.create(model=done.fine_tuned_model, messages=rows[3]["messages"][:1], max_tokens=24, temperature=0)
    print("served:", answer.model, answer.choices[0].message.content)
    routed = client.chat.completions.create(model="auto", messages=rows[9]["messages"][:1], max_tokens=2)
    assert answer.model == routed.model == "palette"
    assert client.files.content(done.result_files[0]).text.startswith("step,train_loss,")
    assert [c.fine_tuned_model_checkpoint for c in jobs.checkpoints.list(done.id)] == ["palette"]
    assert len({event.id for event in jobs.list_events(done.id, limit=5)}) >= 20, "all pages"

    broken = site.upload("broken.jsonl", rows + [{"messages": [{"role": "user"}]}])
    failed = site.until(site.create(broken.id, "broken"), lambda job: job.status == "failed")
    assert failed.error.param == "training_file" and failed.error.message.startswith("line 73: "), failed.error
    print("failed:", failed.error.message)
    refused(openai.BadRequestError, "suffix", lambda: site.create(file.id, "palette"))
    refused(openai.BadRequestError, "lmoe.rank", lambda: site.create(file.id, "other", rank=0))
    refused(openai.NotFoundError, "model", lambda: jobs.create(model="gpt-4o-mini", training_file=file.id))

    def at(step):
        return lambda job: job.lmoe["step"] >= step

    assert jobs.cancel(site.until(site.create(file.id, "never"), at(2)).id).status == "cancelled"
    paused = site.until(site.create(file.id, "paused"), at(2))
    assert jobs.pause(paused.id).lmoe["paused"]
    halted = site.create(file.id, "halted")
    site.until(halted, at(3))
    site.end(signal.SIGTERM)
    site.start()
    assert jobs.retrieve(paused.id).lmoe["paused"]
    site.until(halted, lambda job: job.status == "running" and job.lmoe["step"] >= 4)
    site.end(signal.SIGKILL)
    site.start()
    site.until(halted, lambda job: job.status == "succeeded")
    jobs.resume(paused.id)
    site.until(paused, lambda job: job.status == "succeeded")
    assert site.weights("palette") == site.weights("halted") == site.weights("paused"), "other bits"
    print("stopped, killed and paused: the same bits")

    preferences = site.upload("pairs.jsonl", [{"prompt": q, "chosen": a, "rejected": "I do not know."} for q, a in pairs[:16]])
    dpo = site.until(site.create(preferences.id, "polite", method="dpo"), lambda job: job.status == "succeeded")
    assert dpo.method.type == "dpo" and [job.id for job in jobs.list(metadata={"run": "polite"})] == [dpo.id]
    assert [job.lmoe["adapter"] for job in jobs.list(limit=2)] == ["polite", "halted", "paused", "never", "broken", "palette"]
    assert client.files.delete(file.id).deleted
    refused(openai.NotFoundError, "id", lambda: client.files.retrieve(file.id))


if __name__ == "__main__":
    site = Site(sys.argv[1])
    try:
        site.start()
        check(site)
        print("all as expected")
    finally:
        site.end(signal.SIGKILL)
        shutil.rmtree(site.folder, ignore_errors=True)
