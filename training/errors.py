"""What is the caller's to mend: the command line says it in one line, without a traceback."""


class TrainingError(Exception):
    """A mistake in what was asked or given; the message names it and the fix."""
