"""The masked transformer of thesis chapter 6."""
