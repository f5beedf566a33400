# SPDX-License-Identifier: MIT
"""Chromium without a window, told what to do by its DevTools protocol over two pipes."""

import json
import os
import shutil
import subprocess

import pytest


class Browser:
    """Shows one page. errors: what its scripts complained of."""

    def __init__(self, path, scratch):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if not program:
            pytest.fail("this test needs chromium: apt-get install -y chromium")
        self.errors, self.number = [], 0
        their_in, self.out = os.pipe()
        self.into, their_out = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "-", program, "--headless",
             "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--window-size=1500,1300",
             f"--user-data-dir={scratch}/chromium"],
            pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)
        self.answers = os.fdopen(self.into, "rb", buffering=0)
        self.rest, self.session = b"", None
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.do("Runtime.enable")
        self.do("Page.enable")
        self.do("Page.navigate", url=f"file://{path}")
        while self.read().get("method") != "Page.loadEventFired":
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.answers.close()
        os.close(self.out)

    def read(self):
        while b"\0" not in self.rest:
            part = os.read(self.into, 65536)
            if not part:
                pytest.fail("chromium ended")
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(message)
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(message["params"]["exceptionDetails"])
        return message

    def do(self, method, **params):
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.out, json.dumps(command).encode() + b"\0")
        while (answer := self.read()).get("id") != self.number:
            pass
        if "error" in answer:
            pytest.fail(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def value(self, expression):
        answer = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            pytest.fail(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def box(self, element):
        return self.value(f"document.getElementById('{element}').getBoundingClientRect().toJSON()")

    def mouse(self, kind, x, y, **more):
        self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def drag(self, x, y, to_x, to_y):
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseMoved", to_x, to_y, button="left", buttons=1)
        self.mouse("mouseReleased", to_x, to_y, button="left", clickCount=1)
