"""The sandbox on the nodes of a Ray cluster.

- `sandbox`: the caller's side, which gives out chunks of work.
- `node`: a node's side, which executes a chunk in an ordinary `Sandbox`, with the same walls.
- `chunks`: work and answers as plain values, which a node with other code can still read.
- `ray_nodes`: the connection to Ray, the only module that imports Ray.
"""
