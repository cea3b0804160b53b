"""The console: our own pages, for whoever signs in at the web room's door."""
