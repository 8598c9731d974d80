"""The workers of a pool: started together, replaced one by one.

Which level they have is settled when they start, the strongest that the host gives if none is
asked for. A replacement gets the same level or none. Hands out no work.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

from sparring.errors import SandboxError
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages, link
from sparring.sandbox.caller.process import Refused, Worker
from sparring.sandbox.protocol.start import Start
from sparring.sandbox.types import Level

_AGAIN_SECONDS = (0.1, 0.5, 2.0, 0.0)
"""After a replacement that did not start, before the next try; the last is the end."""


class NoReplacement(Exception):
    """No worker would start any more; the message says why."""


class Crew:
    """A fixed number of workers in numbered places."""

    def __init__(
        self,
        count: int,
        level: Level | None,
        hash_seed: int = 0,
        landlock_abi: int | None = None,
        packages: Packages = NO_PACKAGES,
    ) -> None:
        """Start them. Raises `SandboxError` if the host cannot give the level."""
        self._count = count
        self._hash_seed = hash_seed
        self._landlock_abi = landlock_abi
        self._packages = packages
        self.scratch = Path(tempfile.mkdtemp(prefix="sparring-sandbox-"))
        weakref.finalize(self, shutil.rmtree, self.scratch, ignore_errors=True)
        # Others may pass through: a worker started by root becomes another user.
        self.scratch.chmod(0o711)
        self._links = self.scratch / "packages"
        try:
            if packages.files:
                link(self._links, packages.files)
            self.level, self.layers, self._workers = self._start(count, level)
        except BaseException:  # raised again: Ctrl-C leaves no directory behind either
            self.delete_files()
            raise

    def __len__(self) -> int:
        return len(self._workers)

    def __getitem__(self, place: int) -> Worker:
        return self._workers[place]

    def replace(self, place: int, closing: threading.Event) -> None:
        """A new worker in place of one that failed, unless `closing` is set meanwhile.

        Raises `NoReplacement`.
        """
        self._workers[place].kill()
        for wait in _AGAIN_SECONDS:
            try:
                worker = self._new(self.level)
                worker.hello()
            except (Refused, SandboxError, OSError) as error:
                # What ended the old one may have ended this one too: memory, a killing spree.
                reason = str(error)
            else:
                self._workers[place] = worker
                if closing.is_set():
                    worker.kill()
                return
            if closing.wait(wait):
                return
        raise NoReplacement(reason)

    def kill(self) -> None:
        """End all workers and whatever they run."""
        for worker in list(self._workers):
            worker.kill()

    def delete_files(self) -> None:
        """Delete the workers' directories."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _start(
        self, count: int, asked: Level | None
    ) -> tuple[Level, dict[str, object], list[Worker]]:
        """Start `count` workers at the level asked for, or at the strongest that works."""
        reasons = []
        for level in [asked] if asked else list(Level):
            workers = [self._new(level) for _ in range(count)]
            try:
                layers = [worker.hello() for worker in workers]
            except BaseException as error:  # raised again, but for a refusal: no worker is left
                for worker in workers:
                    worker.kill()
                if not isinstance(error, Refused):
                    raise
                reasons.append(f"level {level.value}: {error}")
                continue
            if reasons:
                layers[0]["stronger_level_refused"] = "; ".join(reasons)
            return level, layers[0], workers
        raise SandboxError("no safe way to run programs on this host. " + "; ".join(reasons))

    def _new(self, level: Level) -> Worker:
        # A name that a program of another worker cannot guess: there it could see what is written.
        scratch = str(self.scratch / secrets.token_hex(8))
        given = self._packages
        start = Start(
            level,
            scratch,
            self._count,
            self._landlock_abi,
            given.files,
            given.modules,
            str(self._links) if given.files else "",
        )
        return Worker(start, self._hash_seed)
