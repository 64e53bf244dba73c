"""The study's web server and page."""
