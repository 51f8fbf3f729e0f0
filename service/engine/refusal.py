"""The error of a bundle that cannot be served."""

from pathlib import Path


class BundleError(Exception):
    """A bundle, or the folder of bundles, cannot be served; the message names the file and what is wrong."""

    def __init__(self, path: Path, wrong: str) -> None:
        super().__init__(f"{path}: {wrong}")
        self.path = path
        self.wrong = wrong

    def within(self, models_dir: Path) -> str:
        """The message for callers: nothing of where the models' folder lies."""
        if self.path == models_dir:
            return f"the models' folder {self.wrong}"
        return f"{self.path.relative_to(models_dir)}: {self.wrong}"


def late(seconds: float) -> str:
    """The text of a BundleError for a bundle that took too long."""
    return f"did not finish its self-test within {seconds:g} s: replace it, or raise PROOF_TIMEOUT_S"
