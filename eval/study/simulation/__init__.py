"""Simulated raters with known preferences test the whole chain: over HTTP and the real server, or in process."""
