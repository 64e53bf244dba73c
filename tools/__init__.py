"""The command line `mgv`: parses, calls the library, reports."""
