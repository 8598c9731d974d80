"""Running untrusted programs: isolated, limited, judged from outside.

    from sparring.sandbox import Job, Sandbox

    with Sandbox(workers=2) as sandbox:
        [outcomes] = sandbox.run([Job("print(int(input()) + 1)", ("1\n", "41\n"))])
        print(outcomes[1].verdict, outcomes[1].output)

Needs no torch and starts no service. What is and is not covered: docs/sandbox.md.
"""

from sparring.sandbox.pool import Sandbox
from sparring.sandbox.types import Fork, Job, Level, Limits

__all__ = ["Fork", "Job", "Level", "Limits", "Sandbox"]
