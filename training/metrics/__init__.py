"""The figures that generated digits are measured by: pure functions of tensors, one idea per file.

Images are uint8 [n, 28, 28]; features are float32 [n, d] of the repository's own classifier.
"""
