"""The page of a study, and the scoreboard of all of them."""
