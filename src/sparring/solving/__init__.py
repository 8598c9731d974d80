"""The pair at work on a problem at hand: programs and tests are sampled, run, and one program is
chosen. No ground truth is known here."""
