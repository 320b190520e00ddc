"""A process that has imported what pages need, and forks for each of them: torch alone takes seconds to import.

`tools/pages.py` starts it and asks for one page after another; each still has processes of its own. Forking is
safe here: nothing has been computed, no thread of ours runs, and the library that numpy computes with begins its
own anew after a fork. Elsewhere than on Linux others may not, and pages run in processes that share nothing.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

# What most pages import, and what torch imports by itself as soon as there is an optimizer.
COMMON = ("torch", "torch._dynamo", "numpy", "matplotlib.pyplot", "matplotlib.patches", "requests")
LAUNCHER = "ipykernel_launcher"  # the module that a kernel is begun with elsewhere
FORKS = sys.platform == "linux"
POSSIBLE = 100_000  # bytes that are read at once


class Warm:
    """The build's side: begins pages by name, and says which have ended and how."""

    def __init__(self, root: Path, environment: Mapping[str, str], imports: Sequence[str]) -> None:
        command = [sys.executable, str(root / "tools" / "warm.py"), *imports]
        self.process = subprocess.Popen(
            command,
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        )
        self.running: set[str] = set()
        self.heard = b""

    def begin(self, name: str, arguments: Sequence[str], log: Path) -> None:
        """Ask for a page: what `tools/run_page.py` is told, and where its words go."""
        assert self.process.stdin is not None
        self.running.add(name)
        asked = json.dumps([name, list(arguments), str(log)])
        with contextlib.suppress(BrokenPipeError):  # `ended` says that nothing became of it
            self.process.stdin.write(asked.encode() + b"\n")
            self.process.stdin.flush()

    def ended(self, seconds: float) -> list[tuple[str, int]]:
        """Wait for so long, and return what has ended with its exit code: all, if this process itself has."""
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        if not select.select([pipe], [], [], seconds)[0]:
            return []
        new = os.read(pipe, POSSIBLE)
        *lines, self.heard = (self.heard + new).split(b"\n")
        found = [(str(name), int(code)) for name, code in map(json.loads, lines)]
        self.running.difference_update(name for name, _ in found)
        if not new:
            found += [(name, -signal.SIGKILL) for name in sorted(self.running)]
            self.running.clear()
        return found

    def end(self) -> None:
        """End it, and with it the pages that are at work."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):  # it has ended already
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Cold:
    """The same with a process of its own for each page, begun from nothing."""

    def __init__(self, root: Path, environment: Mapping[str, str], imports: Sequence[str]) -> None:
        self.command = [sys.executable, str(root / "tools" / "run_page.py")]
        self.root, self.environment = root, environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, name: str, arguments: Sequence[str], log: Path) -> None:
        """Begin a page."""
        with open(log, "wb") as out:
            self.running[name] = subprocess.Popen(
                [*self.command, *arguments],
                cwd=self.root,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                close_fds=False,
            )

    def ended(self, seconds: float) -> list[tuple[str, int]]:
        """Wait for so long, and return what has ended with its exit code."""
        first = next(iter(self.running.values()))
        with contextlib.suppress(subprocess.TimeoutExpired):
            first.wait(seconds)
        found = [
            (name, code) for name, process in self.running.items() if (code := process.poll()) is not None
        ]
        for name, _ in found:
            del self.running[name]
        return found

    def end(self) -> None:
        """End the pages that are at work."""
        for process in self.running.values():
            process.terminate()
            process.wait()


def serve(imports: Sequence[str]) -> None:
    """Import modules, then fork for each page that is asked for and say how it ended, until nobody asks."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a module prints is no answer
    import run_page  # and with it what reads pages and talks with kernels

    for name in ("ipykernel.kernelapp", *imports):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # pages share this memory, as long as the collector does not write into it
    running: dict[int, tuple[int, str]] = {}  # by a pipe that ends with the process
    asked = b""
    while True:
        for ready in select.select([0, *running], [], [])[0]:
            if ready:
                pid, name = running.pop(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.write(answers, json.dumps([name, code]).encode() + b"\n")
                continue
            new = os.read(0, POSSIBLE)
            if not new:
                for pid, _ in running.values():
                    os.kill(pid, signal.SIGTERM)
                return
            *lines, asked = (asked + new).split(b"\n")
            for name, arguments, log in map(json.loads, lines):
                ended, end = os.pipe()
                pid = os.fork()
                if not pid:
                    execute(run_page, arguments, log, end, [answers, ended, *running])
                os.close(end)
                running[ended] = (pid, name)


def execute(run_page: Any, arguments: Sequence[str], log: str, end: int, others: Sequence[int]) -> NoReturn:
    """Execute a page in this process, which was forked for it, and end it."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for descriptor, place in ((nothing, 0), (words, 1), (words, 2)):
            os.dup2(descriptor, place)
        for descriptor in (nothing, words, *others):
            os.close(descriptor)
        code = run_page.main(*arguments, launch=kernel_in_waiting(end))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Forked:
    """A forked process, with what a kernel's manager asks of one."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, if it has ended."""
        return self._look(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for its end and return its exit code."""
        return self._look(0)

    def _look(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def kernel_in_waiting(*others: int) -> Callable[..., Forked]:
    """Fork a process that becomes a kernel once it is told which, and return what tells it.

    It is forked at once, as long as nothing else runs in this process.

    Args:
        others: open files that are not the kernel's.
    """
    told, tell = os.pipe()
    pid = os.fork()
    if not pid:
        for descriptor in (tell, *others):
            os.close(descriptor)
        become_kernel(told)
    os.setpgid(
        pid, pid
    )  # here and there: whoever is first, no signal to the kernel's group comes to this one
    os.close(told)

    def launch(command: Sequence[str], env: Mapping[str, str], cwd: str, **rest: Any) -> Forked:
        with os.fdopen(tell, "w", encoding="utf-8") as pipe:
            json.dump([command[command.index(LAUNCHER) + 1 :], dict(env), cwd], pipe)
        return Forked(pid)

    return launch


def become_kernel(told: int) -> NoReturn:
    """Wait for the arguments, the environment and the folder, and be IPython's kernel."""
    code = 1
    try:
        parent = os.getppid()
        os.setpgid(0, 0)
        with os.fdopen(told, encoding="utf-8") as pipe:
            words = pipe.read()
        if not words:
            os._exit(1)  # who would have told is gone
        arguments, environment, folder = json.loads(words)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        here = str(Path(__file__).parent)
        sys.path[:] = [place for place in sys.path if place != here]
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(argv=arguments, parent_handle=parent)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve(sys.argv[1:])
