"""Selection of one of n programs: pure functions of the pass matrix and the programs' outputs.
Needs numpy alone."""
