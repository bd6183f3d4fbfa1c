"""A server of the default base for checks, on a free port."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


class Server:
    """Starts one, unless `url` names one that runs already."""

    def __init__(self, lmoe, url, *flags):
        (self.command, self.url, self.process) = ([lmoe, "serve", *flags], url, None)

    def __enter__(self):
        if self.url:
            return self.url
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([*self.command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while True:
            try:
                if urllib.request.urlopen(f"{self.url}/ready", timeout=5).status == 200:
                    return self.url
            except (urllib.error.URLError, OSError):
                pass
            if not self.is_running or time.monotonic() > deadline:
                self.__exit__()
                sys.exit(f"{' '.join(map(str, self.command))} did not become ready; run it to see why")
            time.sleep(0.5)

    @property
    def is_running(self):
        return self.process is None or self.process.poll() is None

    def __exit__(self, *_):
        if self.process and self.is_running:
            self.process.terminate()
            self.process.wait()
