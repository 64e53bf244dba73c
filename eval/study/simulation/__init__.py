"""Simulated raters with known preferences, to test the whole chain: over HTTP against the real server, or in process."""
