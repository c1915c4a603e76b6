"""A page that sets several runs side by side."""
