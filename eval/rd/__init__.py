"""The rate-distortion bench: clips through codecs at a ladder of rates, kept in a run folder, and its report."""

from .store import Run, RunClip, RunPoint, open_run

__all__ = ["Run", "RunClip", "RunPoint", "open_run"]
