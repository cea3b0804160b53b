"""Where files come from, other than being dropped: the repositories of the systems."""
