"""The caller's side, in your own process, where no code of a program is executed.

- The caller trusts no reply: `replies` checks each field against the request, and `credible` each
  verdict against the kind of execution.
- The caller imports nothing of ``inside``. The caller knows nothing of ``worker`` except the name
  of the module that it starts (`process`).

The modules:

- `runner`: a call of the sandbox, on this machine or on a cluster. `plan`: the call's unique work.
- `pool`: threads that feed the workers. `worker_pool`: the workers. `process`: one worker.
- `memo` and `store`: outcomes in memory and on disk, under their `keys`.
- `aio`: calls from asynchronous code. `prefetch`: executions that begin ahead of the call.
- `packages` and `markers`: packages that programs may import.
"""
