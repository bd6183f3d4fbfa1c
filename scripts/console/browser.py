"""A headless Chromium: waits for states, what it logged, axe-core, screenshots."""

import importlib.util
import io
import json
import pathlib
import shutil
import time

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

PHONE, DESK = (390, 844), (1280, 800)


class Browser:
    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.look()

    def look(self, size=DESK, dark=False):
        self.size = size
        self.command("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size == PHONE)
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.one(selector).click()

    def write(self, selector, text):
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def until(self, what, condition, seconds=60):
        """Waits for a state; the last one that was seen is in the error."""
        end = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}; the page shows: {self.run('return document.querySelector(`main`).innerText')[:800]}")
            time.sleep(0.05)

    def view(self, name):
        self.run("location.hash = arguments[0]", f"#{name}")
        self.until(f"the view {name}", lambda: self.run("return !document.getElementById(arguments[0]).hidden", f"view-{name}"))

    def logged(self):
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def axe(self):
        """Violations of axe-core's rules (WCAG A and AA, best practices) in what is shown now."""
        if not hasattr(self, "rules"):
            place = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).parent
            self.rules = (place / "axe.min.js").read_text()
        # Through the debugger: the page's own policy would not let it in.
        self.command("Runtime.evaluate", expression=self.rules)
        answer = self.command("Runtime.evaluate", expression="axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations.map((rule) => `${rule.id} (${rule.impact}): ${rule.help}: ${rule.nodes.slice(0, 4).map((node) => node.target.join(' ') + ' ' + node.any.concat(node.all).slice(0, 1).map((check) => check.message).join(' ')).join('; ')}`)))", awaitPromise=True, returnByValue=True)
        return json.loads(answer["result"]["value"])

    def overflows(self):
        """Whether the page is wider than the window."""
        return self.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth")

    def shot(self, path):
        """A PNG of 256 colours, which is half as large."""
        picture = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        picture.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)

    def close(self):
        self.driver.quit()
