"""A tree of videos to a tree of `.mgv`: what is to be done, by whom, and the account of it."""
