"""Private Redis, Postgres and worker processes. Each dies with this one, and only what was started here is ended."""

import ctypes
import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

from resp import Connection, RespError, entry_id, pairs


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_binary(given):
    candidates = [given] if given else [f"{ROOT}/.build/{kind}/tidemark" for kind in ("release", "debug")]
    for path in candidates:
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise SystemExit(f"no executable at {' or '.join(candidates)}: run swift build -c release --product tidemark")


def free_port():
    """Below those that the system gives to connections: one of these would take the port of a server that is away for a moment."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def die_with_parent():
    """In the child: SIGKILL when the thread that started it ends (Linux). So start children in the main thread only."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def program(*names):
    for name in names:
        found = shutil.which(name)
        if found:
            return found
        versions = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
        if versions:
            return max(versions, key=lambda path: int(path.split("/")[4]) if path.split("/")[4].isdigit() else 0)
    raise SystemExit(f"{' or '.join(names)} is not installed: run ops/setup")


def wait_for(what, seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)


class Redis:
    """Without persistence, unless `settings` says otherwise. It keeps its port over stop and start."""

    def __init__(self, folder, settings=("--save", "", "--appendonly", "no")):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self._settings = list(settings)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.connection = None
        self.start()

    def start(self):
        with open(f"{self.folder}/redis.log", "ab") as log:
            self._process = subprocess.Popen(
                [program("redis-server", "valkey-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder]
                + self._settings,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        wait_for("Redis answers", 60, self._answers)
        self.connect()

    def connect(self):
        self.connection = Connection(self.port)

    def is_running(self):
        return self._process.poll() is None

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"Redis ended with {self._process.returncode}; its log: {self.folder}/redis.log")
        try:
            connection = Connection(self.port, timeout=2)
            connection.call("PING")
            connection.close()
            return True
        except (OSError, RespError):  # an error answer: it is still loading
            return False

    def stop(self):
        """Orderly: what is in memory is on disk, where the settings say so."""
        self._process.terminate()
        self._process.wait()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def cut_clients(self, spared=(), spared_name=None):
        """Ends every connection but ours, those in `spared`, and those of a name; returns how many."""
        own = self.connection.call("CLIENT", "ID")
        cut = 0
        for line in self.connection.call("CLIENT", "LIST").decode().splitlines():
            about = dict(part.split("=", 1) for part in line.split(" ") if "=" in part)
            client = int(about["id"])
            if client != own and client not in spared and (not spared_name or about["name"] != spared_name):
                cut += self.connection.call("CLIENT", "KILL", "ID", client)
        return cut

    def entries_added(self, lane):
        return entries_added(self.connection.call, lane)

    def close(self):
        self.kill()


def entries_added(call, lane):
    """How many entries the stream ever got, and its last id; zero for a lane that was never written. `call` asks the server that has it."""
    if not call("EXISTS", lane):
        return 0, (0, 0)
    info = pairs(call("XINFO", "STREAM", lane))
    return info["entries-added"], entry_id(info["last-generated-id"])


def plain_user():
    """Whom Postgres runs as: it refuses to run as root. Arguments of `subprocess`."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise SystemExit("PostgreSQL refuses to run as root and there is no user `postgres`: run as another user") from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """A server of its own. It keeps its port over stop and start; `settings` are given with `-c`."""

    def __init__(self, folder, settings=()):
        self._folder = folder
        self.data = f"{folder}/data"
        self._settings = list(settings)
        self.port = free_port()
        self.url = f"postgresql://tidemark@127.0.0.1:{self.port}/tidemark"
        self._user = plain_user()
        os.makedirs(folder, mode=0o700)
        if self._user:
            os.chown(folder, self._user["user"], self._user["group"])
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self._process = None
        self._create()

    def _create(self):
        self.run_program("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
        self.start()
        self.query("create role tidemark login; create database tidemark owner tidemark", admin=True)

    def run_program(self, name, *arguments):
        subprocess.run(
            [program(name), *arguments], check=True, cwd="/", env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, **self._user)

    def start(self):
        with open(f"{self._folder}.log", "ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", self.data, "-p", str(self.port), "-k", self._folder]
                + ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]
                + [part for setting in self._settings for part in ("-c", setting)],
                cwd="/", env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent, **self._user)
        wait_for("Postgres answers", 120, self._answers)

    def _answers(self):
        if self._process.poll() is not None:
            raise SystemExit(f"Postgres ended with {self._process.returncode}; its log: {self._folder}.log")
        try:
            self.query("select 1", admin=True, database="postgres", quiet=True)
            return True
        except subprocess.CalledProcessError:
            return False

    @property
    def pid(self):
        return self._process.pid

    def is_running(self):
        return self._process.poll() is None

    def stop_immediate(self):
        self.stop("immediate")

    def stop(self, mode):
        """`smart`, `fast` or `immediate`, as pg_ctl has it."""
        self.run_program("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")
        self._process.wait()

    def query(self, sql, admin=False, database=None, quiet=False):
        """Runs a script; returns the lines it prints. A JSON value in a column never holds a raw line break."""
        role = "postgres" if admin else "tidemark"
        name = database or ("postgres" if admin else "tidemark")
        done = subprocess.run(
            [program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
            + ["-d", f"postgresql://{role}@127.0.0.1:{self.port}/{name}"],
            input=f"{sql};", text=True, encoding="utf-8", check=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None, env=self._environment)
        return [line for line in done.stdout.split("\n") if line]

    def close(self):
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()


class Worker:
    """`tidemark run`, restarted after each kill."""

    def __init__(self, binary, folder, environment):
        self.binary = binary
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
        self.environment.update(environment)
        self.log = f"{folder}/worker.log"
        self._process = None
        self.exits = []

    def command(self, *arguments, timeout=120):
        return subprocess.run(
            [self.binary, *arguments], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
            encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)

    def start(self):
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "run"], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self._process.pid

    def exit_code(self):
        """None while it runs."""
        return self._process.poll()

    def signal(self, number):
        self._process.send_signal(number)

    def keep_up(self):
        """Starts it again if it ended by itself, which it should not; such exits are part of the verdict."""
        if self._process.poll() is not None:
            self.exits.append(self._process.returncode)
            if len(self.exits) > 20:
                raise RuntimeError(f"the worker ended by itself again and again, last with {self.exits[-1]}")
            self.start()

    def kill(self):
        """False when it had ended by itself before."""
        running = self._process.poll() is None
        if not running:
            self.exits.append(self._process.returncode)
        self._process.kill()
        self._process.wait()
        return running

    def has_logged(self, text, since=0):
        """Whether its log holds this behind so many bytes."""
        with open(self.log, "rb") as log:
            log.seek(since)
            return text.encode() in log.read()

    def terminate(self, seconds=60):
        """Asks it to drain; its exit code, or None when it did not end in time."""
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
