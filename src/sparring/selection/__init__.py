"""Which of n programs: pure functions of the pass matrix and the outputs. numpy only."""
