"""The workers of a pool: started together, replaced one by one.

The first start settles the isolation level: the level asked for, or else the strongest that the
host gives. A replacement gets the same level or does not start. This module hands out no work.
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
from sparring.sandbox.caller.process import LevelRefused, Worker
from sparring.sandbox.protocol.start import Start
from sparring.sandbox.types import Level

_AGAIN_SECONDS = (0.1, 0.5, 2.0, 0.0)
"""Seconds to wait after each failed start of a replacement; one entry for each try."""


class NoReplacement(Exception):
    """Raised when no new worker starts; the message says why."""


class WorkerPool:
    """Fixed number of workers in numbered places."""

    def __init__(
        self,
        count: int,
        level: Level | None,
        hash_seed: int = 0,
        landlock_abi: int | None = None,
        packages: Packages = NO_PACKAGES,
    ) -> None:
        """Start `count` workers. Raises `SandboxError` if the host cannot give the level."""
        self._count = count
        self._hash_seed = hash_seed
        self._landlock_abi = landlock_abi
        self._packages = packages
        self.scratch = Path(tempfile.mkdtemp(prefix="sparring-sandbox-"))
        weakref.finalize(self, shutil.rmtree, self.scratch, ignore_errors=True)
        # Other users may pass through, because a worker that root started becomes another user.
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
        """Replace the failed worker in a place, unless `closing` is set meanwhile.

        Raises `NoReplacement` after the last failed start.
        """
        self._workers[place].kill()
        for wait in _AGAIN_SECONDS:
            try:
                worker = self._new(self.level)
                worker.hello()
            except (LevelRefused, SandboxError, OSError) as error:
                # The cause of the first failure may last a moment, such as a lack of memory.
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
        """End all workers and the programs that they run."""
        for worker in list(self._workers):
            worker.kill()

    def delete_files(self) -> None:
        """Delete the workers' directories."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _start(
        self, count: int, asked: Level | None
    ) -> tuple[Level, dict[str, object], list[Worker]]:
        """Start workers at the level asked for, or at the strongest that works.

        Returns the level, the layers of the first worker, and the workers.
        """
        reasons = []
        for level in [asked] if asked else list(Level):
            workers = [self._new(level) for _ in range(count)]
            try:
                layers = [worker.hello() for worker in workers]
            except BaseException as error:  # raised again unless the level was refused
                for worker in workers:
                    worker.kill()
                if not isinstance(error, LevelRefused):
                    raise
                reasons.append(f"level {level.value}: {error}")
                continue
            if reasons:
                layers[0]["stronger_level_refused"] = "; ".join(reasons)
            return level, layers[0], workers
        raise SandboxError("no safe way to run programs on this host: " + "; ".join(reasons))

    def _new(self, level: Level) -> Worker:
        # At `landlock`, a program that guesses another worker's directory could watch its files.
        scratch = str(self.scratch / secrets.token_hex(8))
        packages = self._packages
        start = Start(
            level,
            scratch,
            self._count,
            self._landlock_abi,
            packages.files,
            packages.modules,
            str(self._links) if packages.files else "",
        )
        return Worker(start, self._hash_seed)
