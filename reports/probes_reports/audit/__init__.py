"""The page on which the findings of an audit are reviewed."""
