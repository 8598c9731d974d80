"""Pass matrices → figures with intervals, those of the precision theorem too. numpy only."""
