"""Measured figures: one record per benchmark in docs/measurements/, copied into the pages that show it."""
