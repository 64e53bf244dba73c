"""The error for a study that can't be made, opened or read as asked."""


class StudyError(ValueError):
    """A study, its settings or the run that it is made of can't be used so; the message says why and what to do."""
