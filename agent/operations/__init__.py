"""The code behind each operation of the wire. ``registry`` lists them all."""
