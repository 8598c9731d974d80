"""Beginning of programs that attack the page that they share with the server."""

from __future__ import annotations

# Finds the shared page as a Python object, among the objects that can be reached from the frames
# and from all other objects.
PAGES = """
import gc, mmap, os, struct, sys, time
def reach():
    frame, seen = sys._getframe(), {}
    todo = list(gc.get_objects())
    while frame:
        todo += frame.f_locals.values()
        frame = frame.f_back
    for _ in range(4):
        following = []
        for o in todo:
            if id(o) not in seen and not isinstance(o, (type, type(sys), str, int)):
                seen[id(o)] = o
                following += gc.get_referents(o)
        todo = following
    return [o for o in seen.values() if isinstance(o, mmap.mmap)]
def write(data, at=0):
    for page in pages:
        try: page[at:at + len(data)] = data
        except (ValueError, IndexError, TypeError): pass
"""
