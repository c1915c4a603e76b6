"""Pure functions from arrays to plotly figures, in the light palette; one file per figure."""
