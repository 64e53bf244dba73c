"""The prefix language model of thesis chapter 8: text, video and audio in one sequence, made from left to right."""
