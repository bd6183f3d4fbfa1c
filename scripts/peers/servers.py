"""The servers that are measured: how they start, what they are asked, what memory they take."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that serves until `stop`."""

    # Answers 200 when requests are answered.
    ready_path = "/health"

    def __init__(self, name, arguments, port, log):
        self.name, self.port = name, port
        self.log = open(log, "wb")
        begin = time.perf_counter()
        # A session of its own: its children pause with it.
        self.process = subprocess.Popen(arguments, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{name} ended: see {log}")
            if time.perf_counter() - begin > 240:
                self.stop()
                raise RuntimeError(f"{name} is not ready after 240 s: see {log}")
            time.sleep(0.002)
        self.ready_seconds = time.perf_counter() - begin

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready_path}", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def memory(self, key="VmHWM"):
        """Bytes; VmHWM is the most so far, VmRSS now."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    @contextlib.contextmanager
    def paused(self):
        """Takes no processor time inside; some servers spin while they wait."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Lmoe(Server):
    ready_path = "/ready"

    def __init__(self, setup, adapters, *, encoder="none", name="lmoe", more=()):
        port = free_port()
        super().__init__(name, [
            setup.lmoe, "serve", "--port", str(port), "--base", setup.base, "--adapters", str(adapters), "--routes", "none",
            "--cache", str(setup.work / "cache"), "--encoder", encoder, "--threads", str(setup.threads), "--log-level", "warning",
            # Prompts of random tokens end in loops, where foretold tokens would flatter lmoe.
            "--speculation", "off", *more], port, setup.work / f"{name}.log")

    def request(self, prompt, adapter, tokens):
        return "/v1/completions", {
            "model": "base" if adapter is None else f"bench-{adapter}", "prompt": prompt, "max_tokens": tokens, "temperature": 0,
            "ignore_eos": True, "stream": True, "stream_options": {"include_usage": True}}


class Llama(Server):
    """llama-server; all adapters are loaded at its start."""

    def __init__(self, setup, name, model, adapters, slots):
        port = free_port()
        self.adapters = len(adapters)
        super().__init__(name, [
            str(setup.peers / "build/bin/llama-server"), "-m", str(model), "--port", str(port), "--host", "127.0.0.1",
            "-t", str(setup.threads), "-np", str(slots), "-c", str(1024 * slots), "-cb", "--no-webui",
            "--lora-init-without-apply", *(["--lora", ",".join(map(str, adapters))] if adapters else [])],
            port, setup.work / f"{name}.log")

    def request(self, prompt, adapter, tokens):
        body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True, "stream": True, "cache_prompt": False}
        # Without this field all adapters would be applied at once, whatever --lora-init-without-apply says.
        if self.adapters:
            body["lora"] = [{"id": adapter or 0, "scale": 0.0 if adapter is None else 1.0}]
        return "/completion", body


class Vllm(Server):
    """vLLM on the CPU, in bf16: it reads no Q4_1. Its adapters are lmoe's folders."""

    def __init__(self, setup, peft, adapters):
        port = free_port()
        root = setup.peers / "vllm"
        environment = {"VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": f"0-{setup.threads - 1}"}
        modules = [f"bench-{index}={peft}/bench-{index}" for index in range(adapters)]
        super().__init__("vLLM bf16", [
            "env", *(f"{key}={value}" for key, value in environment.items()), str(root / "bin/vllm"), "serve",
            str(setup.work / "hf"), "--served-model-name", "base", "--host", "127.0.0.1", "--port", str(port), "--dtype", "bfloat16",
            "--max-model-len", "2048", "--max-num-seqs", "16", "--enable-lora", "--max-loras", str(adapters), "--max-lora-rank", "16",
            "--no-enable-prefix-caching", "--lora-modules", *modules], port, setup.work / "vllm.log")

    request = Lmoe.request
