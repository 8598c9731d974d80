"""The sandbox on the nodes of a Ray cluster: `sandbox` gives out chunks, `node` runs them.

`chunks` are plain values that a node with other code can still read; `ray_nodes` is the only
module that knows of Ray. A node runs an ordinary `Sandbox`, with the same walls.
"""
