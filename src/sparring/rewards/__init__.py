"""Pass matrix → rewards → advantages, each with the terms that it is made of. numpy only."""
