"""The fault proxies: one before each server for each worker, so that a fault hits one worker's connections or all."""

import os
import queue
import subprocess
import threading
import time

from servers import ROOT, die_with_parent


def find_proxy(given):
    candidates = [given] if given else [f"{ROOT}/.build/{kind}/fault-proxy" for kind in ("release", "debug")]
    return next((os.path.abspath(path) for path in candidates if os.access(path, os.X_OK)), None)


class FaultProxy:
    """A process that passes bytes to 127.0.0.1:`port`, and misbehaves on command."""

    def __init__(self, executable, port, log):
        self._lines = queue.Queue()
        self._events = queue.Queue()
        with open(log, "ab") as errors:
            self._process = subprocess.Popen(
                [executable, "--to", f"127.0.0.1:{port}", "--listen", "127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, text=True, bufsize=1, preexec_fn=die_with_parent)
        threading.Thread(target=self._read, daemon=True).start()
        word, _, number = self._answer().partition(" ")
        if word != "listening":
            raise RuntimeError(f"the fault proxy began with {word} {number}")
        self.port = int(number)

    def _read(self):
        for line in self._process.stdout:
            (self._events if line.startswith("event ") else self._lines).put(line.rstrip("\n"))
        self._lines.put("error the fault proxy has ended")

    def _answer(self):
        try:
            return self._lines.get(timeout=10)
        except queue.Empty:
            raise RuntimeError("the fault proxy does not answer") from None

    def tell(self, command):
        self._process.stdin.write(command + "\n")
        answer = self._answer()
        if not answer.startswith("ok"):
            raise RuntimeError(f"fault proxy, {command}: {answer}")
        return answer

    def forget_events(self):
        while not self._events.empty():
            self._events.get_nowait()

    def wait_for_event(self, beginning, seconds):
        """Whether an event that begins so came in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                if self._events.get(timeout=left).startswith(f"event {beginning}"):
                    return True
            except queue.Empty:
                break
        return False

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class PassThrough:
    """Stands where there is no fault proxy: the server's own port, and no fault."""

    def __init__(self, port):
        self.port = port

    def close(self):
        pass


class WorkerProxies:
    """Those of one worker: before Redis, where one can stand there, and before each of the two Postgres servers."""

    def __init__(self, executable, redis_port, postgres_ports, log):
        def proxy(port):
            return FaultProxy(executable, port, log) if executable else PassThrough(port)

        self.redis = proxy(redis_port) if redis_port else None
        self.postgres = [proxy(port) for port in postgres_ports]

    @property
    def all(self):
        return [proxy for proxy in (self.redis, *self.postgres) if proxy]
