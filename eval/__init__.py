"""Measuring: metrics of decoded video, and benches that run the codec over folders of clips."""
