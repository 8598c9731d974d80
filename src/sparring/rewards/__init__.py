"""Pass matrix → rewards → advantages, each with the terms it is made of. numpy only."""
