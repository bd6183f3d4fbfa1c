"""The console in a browser: chat, another adapter, side by side, adapters, the route map, a fact told and forgotten, a tuning job, keys; and
axe-core, the browser's log, sizes, and the first paint with a thousand adapters. `scripts/check-console` runs it."""

import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from browser import PHONE, Browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The first paint has an aim, and a bar beyond which the check fails: the machine may be busy.
PAGE_BYTES, PAINT_AIM, PAINT_BAR = 100_000, 100, 300
# Screenshots for docs/console.
DOCUMENTED = ["chat-light", "chat-dark", "chat-phone", "compare-light", "adapters-light", "routing-light", "routing-dark", "tuning-light"]


class Server:
    """`lmoe serve` on a free port, ended at the end."""

    def __init__(self, lmoe, *flags, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(log, "wb")
        self.process = subprocess.Popen([lmoe, "serve", "--port", str(self.port), *flags], cwd=ROOT, stdout=self.log, stderr=self.log)
        self.url = f"http://127.0.0.1:{self.port}/"

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body is not None else None, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()

    def wait(self, path="/ready", seconds=600):
        end = time.monotonic() + seconds
        while True:
            try:
                if self.ask("GET", path)[0].status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the server is not ready; its log is {self.log.name}")
            time.sleep(0.2)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Check:
    def __init__(self, lmoe, folder, shots):
        self.lmoe, self.folder, self.shots = lmoe, folder, shots
        self.failures = []
        self.browser = Browser()

    def expect(self, holds, what):
        print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
        if not holds:
            self.failures.append(what)

    def clean(self, what):
        """Rules of accessibility, and nothing wider than the window."""
        violations = self.browser.axe()
        self.expect(not violations, f"axe-core: {what}" + "".join(f"\n       {violation}" for violation in violations))
        self.expect(not self.browser.overflows(), f"fits the window: {what}")

    def shot(self, name):
        self.browser.shot(self.shots / f"{name}.png")

    def part(self, work, *arguments):
        """One part; what stops it is a failure, and the next parts go on."""
        print(f"-- {work.__name__}", flush=True)
        try:
            work(*arguments)
        except (AssertionError, WebDriverException, OSError) as error:
            self.expect(False, f"{work.__name__}: {str(error).splitlines()[0]}")
            self.browser.look()

    # The page

    def page(self, server):
        answer, body = server.ask("GET", "/", headers={"Accept": "text/html"})
        policy = answer.getheader("Content-Security-Policy")
        self.expect(answer.status == 200 and len(body) <= PAGE_BYTES, f"the page has {len(body)} bytes (at most {PAGE_BYTES})")
        nonces = set(re.findall(rb'nonce="([^"]*)"', body))
        self.expect(len(nonces) == 1 and f"'nonce-{nonces.pop().decode()}'" in policy, "the policy names the nonce of this answer")
        self.expect(server.ask("GET", "/")[1] == b"Ollama is running", "other clients get Ollama's line")
        self.expect(server.ask("HEAD", "/", headers={"Accept": "text/html"})[1] == b"", "HEAD has no body")

    # Views

    def chat(self, server):
        browser = self.browser
        browser.driver.get(server.url)
        browser.until("the server's state", lambda: browser.text("#state-text") == "ready")
        browser.write("#message", "which rivers cross texas")
        browser.run("document.activeElement.form?.requestSubmit()")
        over = lambda number: lambda: len(browser.all("#turns .answer-body[aria-busy=false]")) == number
        browser.until("an answer", over(1))
        self.expect(browser.text(".who strong") == "sql", "the router chose sql")
        self.expect(re.search(r"\d+\.\d %.*runner-up", browser.text(".who .soft")) is not None, f"probability and runner-up: {browser.text('.who .soft')}")
        self.expect("SELECT" in browser.text(".answer-body > .text"), "sql wrote a query")
        self.expect("tokens/s" in browser.text(".foot"), f"figures: {browser.text('.foot')}")
        browser.click(".why summary")
        self.expect(len(browser.all(".candidates li")) >= 3, "the candidates are listed")
        self.clean("chat")
        self.shot("chat-light")
        browser.click(".why summary")
        browser.click(".force summary")
        browser.run("[...document.querySelectorAll('.force button')].find((button) => button.textContent === 'base').click()")
        browser.until("the base's answer", lambda: browser.text(".who strong") == "base" and over(1)())
        browser.until("the router's word", lambda: "the router would" in browser.text(".who .soft"))
        self.expect(browser.text(".who .soft").startswith("named by you · the router would take sql, and gives the base"), f"the base was forced: {browser.text('.who .soft')}")
        versions = [button.text for button in browser.all(".versions button")]
        self.expect(versions == ["sql", "base"], f"both answers are kept: {versions}")
        browser.click(".versions button")
        self.expect(browser.text(".who strong") == "sql", "the first answer is back")
        browser.write("#answerer", "bash")
        browser.write("#message", "find files larger than 10 MB")
        browser.click("#send")
        browser.until("the second turn", over(2))
        self.expect(browser.all(".turn:last-child .who strong")[0].text == "bash", "a named adapter answers")
        browser.write("#answerer", "")
        browser.write("#message", "hello there, how are you today?")
        browser.click("#send")
        browser.until("the third turn", over(3))
        self.expect("no adapter was sure enough" in browser.all(".turn:last-child .who")[0].text, "out of scope: the base, and why")
        browser.look(dark=True)
        browser.run("scrollTo(0, 0)")
        self.clean("chat, dark")
        self.shot("chat-dark")
        browser.look(PHONE)
        browser.run("scrollTo(0, 0)")
        self.clean("chat, phone")
        self.shot("chat-phone")
        browser.look()
        browser.write("#message", "<img src=x onerror=alert(1)><b>what is the capital of texas</b>")
        browser.click("#send")
        browser.until("the fourth turn", over(4))
        self.expect(not browser.all("#turns img, #turns b"), "markup in a message stays text")

    def keyboard(self, server):
        browser = self.browser
        browser.driver.get(server.url)
        browser.until("the server's state", lambda: browser.text("#state-text") == "ready")
        press = lambda *keys: ActionChains(browser.driver).send_keys(*keys).perform()
        press(Keys.TAB)
        self.expect(browser.run("return document.activeElement.textContent") == "Skip to the content", "the first Tab skips to the content")
        for _ in range(5):
            press(Keys.TAB)
        self.expect(browser.run("return document.activeElement.hash") == "#memories" or browser.run("return document.activeElement.hash") == "#tuning", "Tab goes through the views")
        press(Keys.ENTER)
        browser.until("a view by Enter", lambda: browser.run("return document.activeElement.tagName") == "H1")
        self.expect(True, "Enter opens a view and moves the focus to its title")
        browser.view("adapters")
        browser.until("adapters", lambda: browser.all("#adapters-table tbody tr"))
        browser.run("document.querySelector('#adapters-table .link').focus()")
        press(Keys.ENTER)
        browser.until("the dialog", lambda: browser.run("return document.getElementById('adapter-dialog').open"))
        self.clean("an adapter’s dialog")
        self.shot("adapter-light")
        press(Keys.ESCAPE)
        self.expect(not browser.run("return document.getElementById('adapter-dialog').open") and browser.run("return document.activeElement.className") == "link", "Escape closes it, and the focus is where it was")

    def compare(self):
        browser = self.browser
        browser.view("compare")
        browser.write("#compare-text", "what is the capital of texas")
        browser.write("#left-name", "sql")
        browser.click("#compare-form .main")
        browser.until("both answers", lambda: len(browser.all("#view-compare .answer-body[aria-busy=false]")) == 2)
        self.expect([browser.text(f"#{side} .who strong") for side in ("left", "right")] == ["sql", "base"], "two adapters side by side")
        self.clean("side by side")
        self.shot("compare-light")

    def adapters(self, server):
        browser = self.browser
        browser.view("adapters")
        browser.until("traffic", lambda: browser.run("return [...document.querySelectorAll('#adapters-table tbody tr')].some((row) => row.textContent.startsWith('sql') && row.textContent.includes('in memory'))"))
        self.expect(browser.text("#adapters-count").startswith("9 adapters"), f"all are listed: {browser.text('#adapters-count')}")
        browser.write("#adapters-text", "geography")
        browser.until("the filter", lambda: browser.text("#adapters-count").startswith("1 of"))
        self.expect(browser.text("#adapters-table tbody th") == "sql", "found by its description")
        browser.write("#adapters-text", " ")
        browser.run("document.getElementById('adapters-text').value = ''; document.getElementById('adapters-text').dispatchEvent(new Event('input', {bubbles: true}))")
        browser.until("no filter", lambda: browser.text("#adapters-count").startswith("9 adapters"))
        browser.click("#adapters-table [data-sort=requests]")
        self.expect(browser.run("return document.querySelector('[data-sort=requests]').parentElement.getAttribute('aria-sort')") == "descending", "sorted by traffic")
        self.clean("adapters")
        self.shot("adapters-light")
        self.uploads(server)
        browser.click("#import-form-summary")
        browser.write("#import-source", "sql-copy")
        browser.write("#import-name", "sql-imported")
        browser.click("#import-form .main")
        browser.until("the import", lambda: browser.text("#import-result") == "sql-imported is served.")
        browser.until("the new row", lambda: browser.text("#adapters-count").startswith("11 adapters"))
        self.expect(True, "an adapter of the import folder is added and listed")
        press = lambda selector, text: browser.run("[...document.querySelectorAll(arguments[0])].find((button) => button.textContent === arguments[1]).click()", selector, text)
        press("#adapters-table .link", "sql-imported")
        press("#adapter-dialog button", "Stop serving it")
        browser.until("that it is not served", lambda: "no longer served" in browser.text("#adapter-dialog [role=status]"))
        press("#adapter-dialog button", "Serve it again")
        browser.until("that it is served again", lambda: "served again" in browser.text("#adapter-dialog [role=status]"))
        press("#adapter-dialog button", "Close")
        self.expect(True, "an adapter is taken out of service and put back")
        browser.write("#import-source", "../sql")
        browser.write("#import-name", "outside")
        browser.click("#import-form .main")
        browser.until("the refusal", lambda: "inside the import folder" in browser.text("#import-result"))
        self.expect(True, "a folder outside of it is refused, and the page says why")

    def drop(self, folder):
        """What a person does with the mouse, with a folder of the disk."""
        self.browser.run("document.getElementById('drop').scrollIntoView({block: 'center'})")
        place = self.browser.run("const box = document.getElementById('drop').getBoundingClientRect(); return {x: box.x + 20, y: box.y + 20}")
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        for kind in ["dragEnter", "dragOver", "drop"]:
            self.browser.command("Input.dispatchDragEvent", type=kind, data=data, **place)

    def uploads(self, server):
        browser, source = self.browser, self.folder / "imports" / "sql-copy"
        staged = lambda: [path.name for path in (self.folder / "adapters").glob(".upload-*")]
        self.drop(source)
        browser.until("what will be sent", lambda: "weights in adapter_model.safetensors" in browser.text("#drop-result"))
        self.expect(browser.run("return document.getElementById('upload-name').value") == "sql-copy", "a dropped folder is looked at, and its name filled in")
        browser.write("#upload-name", "sql")
        browser.click("#upload-start")
        browser.until("the question", lambda: "There is an adapter sql" in browser.text("#upload-result"))
        browser.write("#upload-name", "sql-uploaded")
        # Slow enough to see it, and to cancel it.
        browser.command("Network.enable")
        browser.command("Network.emulateNetworkConditions", offline=False, latency=20, downloadThroughput=-1, uploadThroughput=1 << 19)
        browser.click("#upload-start")
        browser.until("progress", lambda: browser.run("return document.getElementById('upload-progress').value") > 0)
        self.expect(browser.run("return document.activeElement.id") == "upload-cancel" and staged() == [".upload-sql-uploaded"], f"it uploads, and can be cancelled: {browser.text('#upload-place')}")
        self.clean("uploading")
        browser.run("document.getElementById('upload-cancel').click()")
        browser.until("the end", lambda: "is cancelled" in browser.text("#upload-result"))
        browser.command("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
        self.expect(not staged() and not (self.folder / "adapters/sql-uploaded").exists(), "a cancelled upload leaves nothing")
        start = time.monotonic()
        browser.click("#upload-start")
        browser.until("that it is served", lambda: "sql-uploaded is served: in memory" in browser.text("#upload-result"))
        seconds, size = time.monotonic() - start, sum(path.stat().st_size for path in source.iterdir())
        self.expect(True, f"an uploaded adapter of {size / 2**20:.1f} MiB is served after {seconds:.1f} s: {browser.text('#upload-result')}")
        same = all((self.folder / "adapters/sql-uploaded" / path.name).read_bytes() == path.read_bytes() for path in source.iterdir())
        self.expect(same and not staged(), "its files are those of the folder")
        def said(model):
            body = {"model": model, "temperature": 0, "max_tokens": 24, "messages": [{"role": "user", "content": "what is the capital of texas"}]}
            return json.loads(server.ask("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})[1])["choices"][0]["message"]["content"]
        self.expect(said("sql-uploaded") == said("sql") != said("base"), f"it answers as the copied one: {said('sql-uploaded')}")
        self.clean("uploaded")
        folders = self.folder / "folders"
        for name in ["pickled", "broken"]:
            (folders / name).mkdir(parents=True)
            shutil.copy(source / "adapter_config.json", folders / name)
        (folders / "pickled/adapter_model.bin").write_bytes(b"PK")
        (folders / "broken/adapter_model.safetensors").write_bytes((source / "adapter_model.safetensors").read_bytes()[:100_000])
        self.drop(folders / "pickled")
        browser.until("the pickle", lambda: "scripts/convert-pickle" in browser.text("#drop-result"))
        self.expect("adapter_model.bin" in browser.text("#drop-result") and not browser.one("#upload-form").is_displayed(), "a pickle is refused by name")
        # The button gives the same files.
        browser.one("#drop-input").send_keys(str(folders / "broken"))
        browser.until("the folder", lambda: browser.text("#drop-result").startswith("broken"))
        browser.click("#upload-start")
        browser.until("the refusal", lambda: "adapter_model.safetensors" in browser.text("#upload-result"))
        self.expect(server.ask("GET", "/v1/models/broken")[0].status == 404, f"a broken file is refused: {browser.text('#upload-result')}")
        # A new version in the place of a served one, by the keyboard.
        browser.one("#drop-input").send_keys(str(source))
        browser.until("the folder again", lambda: browser.text("#drop-result").startswith("sql-copy"))
        browser.run("document.getElementById('upload-replace').focus()")
        ActionChains(browser.driver).send_keys(Keys.SPACE).perform()
        browser.write("#upload-name", "sql-uploaded")
        browser.one("#upload-name").send_keys(Keys.ENTER)
        browser.until("that the new one is served", lambda: "sql-uploaded is served: in memory" in browser.text("#upload-result"))
        self.expect(browser.run("return document.activeElement.id") == "upload-start", "a served adapter is replaced")

    def routing(self):
        browser = self.browser
        browser.view("routing")
        browser.write("#routing-text", "name the rivers that flow through ohio and kentucky")
        browser.click("#routing-form .main")
        browser.until("the map", lambda: browser.all("#routing-result .map"))
        points = len(browser.all("#routing-result .map .point"))
        self.expect(points > 100, f"the route map has {points} examples")
        self.expect(browser.text("#routing-result .who strong") == "sql", "the explanation names the adapter")
        self.expect(len(browser.all("#routing-result .examples li")) == 12, "the nearest examples are listed")
        self.clean("routing")
        browser.run("scrollTo(0, 0)")
        browser.look((1280, 1440))
        self.shot("routing-light")
        browser.look(dark=True)
        self.clean("routing, dark")
        browser.look((1280, 1440), dark=True)
        self.shot("routing-dark")
        browser.look()

    def memories(self):
        browser = self.browser
        browser.view("memories")
        browser.until("the list", lambda: browser.text("#facts-count"))
        question, answer = "What is the door code of the annex?", "4711-ZULU"
        browser.write("#tell-question", question)
        browser.write("#tell-answer", answer)
        browser.click("#tell-form .main")
        browser.until("the fact", lambda: browser.text("#tell-result").startswith("Told"), 180)
        self.expect(question in browser.text("#facts"), "a fact is told and listed")
        self.clean("memories")
        self.shot("memories-light")
        browser.view("chat")
        browser.write("#message", "Tell me the door code of the annex.")
        before = len(browser.all("#turns .answer-body"))
        browser.click("#send")
        browser.until("its answer", lambda: len(browser.all("#turns .answer-body[aria-busy=false]")) == before + 1)
        self.expect(answer in browser.all(".turn:last-child .answer-body")[0].text, "the fact answers in the chat")
        self.expect("fact of facts" in browser.all(".turn:last-child .who")[0].text, "the answer says that a fact gave it")
        browser.view("memories")
        browser.until("the list again", lambda: question in browser.text("#facts"))
        browser.run("[...document.querySelectorAll('.fact')].find((item) => item.textContent.includes('annex')).querySelector('button').click()")
        browser.until("the question", lambda: browser.run("return document.getElementById('confirm-dialog').open"))
        self.clean("the dialog that asks")
        browser.click("#confirm-yes")
        browser.until("that it is gone", lambda: question not in browser.text("#facts"))
        self.expect(True, "a fact is forgotten")

    def tuning(self):
        browser = self.browser
        data = self.folder / "tickets.jsonl"
        data.write_text("".join(json.dumps({"messages": [{"role": "user", "content": f"ticket {n}"}, {"role": "assistant", "content": f"queue {n % 3}"}]}) + "\n" for n in range(24)))
        browser.view("tuning")
        browser.one("#job-file").send_keys(str(data))
        browser.write("#job-name", "tickets")
        browser.write("#job-epochs", "2")
        browser.click("#job-form .main")
        browser.until("the job", lambda: browser.all("#jobs .job"))
        browser.until("progress or the end", lambda: re.search(r"step [3-9]|succeeded", browser.text("#jobs .job")), 300)
        self.clean("tuning")
        self.shot("tuning-light")
        browser.until("the end", lambda: "succeeded" in browser.text("#jobs .job"), 600)
        self.expect(True, "a job is created, followed and succeeds")

    def server(self):
        browser = self.browser
        browser.view("server")
        browser.until("figures", lambda: len(browser.all("#charts polyline")) == 8)
        self.expect("/v1/chat/completions" in browser.text("#requests-table"), "requests by endpoint")
        self.clean("server")
        self.shot("server-light")
        for view in ["compare", "adapters", "routing", "memories", "tuning", "server"]:
            browser.view(view)
            browser.look(PHONE, dark=True)
            self.clean(f"{view}, phone, dark")
            browser.look()

    def keys(self, log):
        """With keys: the page asks for one, keeps it in the tab, and an import works with an admin's."""
        browser = self.browser
        keys = self.folder / "keys"
        keys.write_text("team:sk-user\nadmin:sk-root\n")
        server = Server(self.lmoe, "--api-key-file", str(keys), log=log)
        try:
            server.wait()
            browser.logged()
            browser.driver.get(server.url)
            browser.until("the dialog", lambda: browser.run("return document.getElementById('key-dialog').open"))
            self.clean("the dialog of the key")
            browser.write("#key", "sk-user")
            browser.click("#key-form .main")
            browser.until("the figures", lambda: browser.text("#live-running") == "0")
            self.expect(browser.run("return sessionStorage.getItem('lmoe.key')") == "sk-user" and browser.run("return localStorage.length") == 0, "the key is in the tab's storage only")
            browser.view("memories")
            browser.until("the refusal", lambda: "admin key" in browser.text("#facts-count"))
            self.expect(True, "what needs an admin's key says so")
            errors = [line for line in browser.logged() if "401" not in line and "403" not in line]
            self.expect(not errors, f"nothing else in the browser's log {errors}")
            browser.run("sessionStorage.clear()")
        finally:
            server.close()

    def paint(self, count, log):
        """First contentful paint and the full list, with copies of one adapter."""
        adapters = self.folder / "many"
        adapters.mkdir()
        for number in range(count):
            folder = adapters / f"copy-{number:04d}"
            folder.mkdir()
            for name in ["adapter_config.json", "adapter_model.safetensors"]:
                os.link(self.folder / "adapters" / "sql" / name, folder / name)
        server = Server(self.lmoe, "--adapters", str(adapters), "--routes", "none", log=log)
        try:
            server.wait()
            paints, lists = [], []
            for _ in range(7):
                self.browser.driver.get("about:blank")
                start = time.monotonic()
                self.browser.driver.get(server.url + "#adapters")
                self.browser.until("a thousand", lambda: self.browser.text("#adapters-count").startswith(f"{count:,} adapters"))
                lists.append((time.monotonic() - start) * 1000)
                paints.append(self.browser.run("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"))
            median = statistics.median(paints)
            self.expect(
                median <= PAINT_BAR, f"first paint with {count} adapters: median {median:.0f} ms of {[round(value) for value in paints]} (aim {PAINT_AIM}, at most {PAINT_BAR})")
            print(f"     the list of {count} adapters is there after {statistics.median(lists):.0f} ms (with the driver's own time)")
            rows = len(self.browser.all("#adapters-table tbody tr"))
            self.expect(rows == 50, f"{rows} rows are in the page")
            self.browser.click("[data-page=next]")
            self.expect(self.browser.text("#adapters-table tbody th") == "copy-0050", "the next page begins with the next adapter")
            self.clean(f"{count} adapters")
            self.shot("adapters-many-light")
        finally:
            server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lmoe", default=str(ROOT / ".build/release/lmoe"))
    parser.add_argument("--adapters", type=int, default=1000)
    parser.add_argument("--keep-screenshots", action="store_true")
    options = parser.parse_args()
    if not pathlib.Path(options.lmoe).exists():
        subprocess.run(["swift", "build", "-c", "release", "--product", "lmoe"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        shots = folder / "shots"
        shots.mkdir()
        shutil.copytree(ROOT / "adapters", folder / "adapters")
        (folder / "imports").mkdir()
        # Without routing data: the router could not tell it from the other one.
        shutil.copytree(ROOT / "adapters/sql", folder / "imports/sql-copy", ignore=shutil.ignore_patterns("route.yaml"))
        subprocess.run([options.lmoe, "remember", "--adapters", str(folder / "adapters"), "What is the colour of the console?", "calm blue"], cwd=ROOT, check=True)
        check = Check(options.lmoe, folder, shots)
        logs = [folder / f"{name}.log" for name in ("server", "keys", "many")]
        server = Server(
            options.lmoe, "--adapters", str(folder / "adapters"), "--imports", str(folder / "imports"), "--tuning-folder", str(folder / "tuning"),
            "--memory", "facts", log=logs[0])
        try:
            server.wait("/health")
            check.part(check.page, server)
            server.wait()
            check.part(check.chat, server)
            check.part(check.compare)
            check.part(check.adapters, server)
            check.part(check.routing)
            check.part(check.memories)
            check.part(check.tuning)
            check.part(check.server)
            refusals = re.compile(r"/v1/adapters/(outside|broken) .* 400 ")
            errors = [line for line in check.browser.logged() if not refusals.search(line)]
            check.expect(not errors, "nothing in the browser's log" + "".join(f"\n       {line}" for line in errors))
            check.part(check.keyboard, server)
        finally:
            server.close()
        check.part(check.keys, logs[1])
        check.part(check.paint, options.adapters, logs[2])
        check.browser.close()
        if options.keep_screenshots:
            for name in DOCUMENTED:
                shutil.copy(shots / f"{name}.png", ROOT / "docs/console")
        print(f"{len(check.failures)} failed")
        for failure in check.failures:
            print(f"FAIL {failure}")
        sys.exit(1 if check.failures else 0)


main()
