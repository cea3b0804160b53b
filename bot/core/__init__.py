"""Values, ports and pure rules. No I/O, no clock."""
