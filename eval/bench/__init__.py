"""Benches: tables of rate, distortion, speed and memory over a folder of clips."""
