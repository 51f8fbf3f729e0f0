"""A digest of the files that a measurement depends on, so that a later change of them is noticed.

Comments, docstrings and blank lines of Python files do not count: they change no measurement.
"""

import io
import os
import tokenize
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

SKIPPED = {"__pycache__", "node_modules"}
LINE_ENDS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def digest(patterns: Sequence[str], root: Path) -> str:
    """Return 16 hexadecimal digits over the names and contents of all files that match `patterns`.

    A pattern is a path below `root` in which `*` matches any characters, slashes included; a pattern that
    begins with `!` excludes what it matches. ValueError if an including pattern matches no file.
    """
    total = sha256()
    for path in matching(patterns, root):
        content = (root / path).read_bytes()
        if path.endswith(".py"):
            content = code(content.decode()).encode()
        total.update(f"{path}\0{sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def matching(patterns: Sequence[str], root: Path) -> list[str]:
    """Return the paths below `root` that match `patterns`, sorted. ValueError as for `digest`."""
    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    found: set[str] = set()
    files = list(_files(root))
    for pattern in patterns:
        if pattern.startswith("!"):
            continue
        matched = {path for path in files if fnmatchcase(path, pattern)}
        if not matched:
            raise ValueError(f"{pattern!r} matches no file below {root}; correct `depends`")
        found |= matched
    return sorted(path for path in found if not any(fnmatchcase(path, pattern) for pattern in excluded))


def code(source: str) -> str:
    """Return Python source without comments, docstrings and blank lines."""
    lines = source.splitlines()
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in (tokenize.NL,)
    ]
    for i, token in reversed(list(enumerate(tokens))):
        if token.type == tokenize.COMMENT or _is_docstring(tokens, i):
            (first, start), (last, end) = token.start, token.end
            kept = lines[first - 1][:start] + lines[last - 1][end:]
            lines[first - 1 : last] = [kept] + [""] * (last - first)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _is_docstring(tokens: Sequence[tokenize.TokenInfo], i: int) -> bool:
    """Return True if token `i` is a string that is a statement by itself."""
    if tokens[i].type != tokenize.STRING or tokens[i + 1].type != tokenize.NEWLINE:
        return False
    before = next((token for token in reversed(tokens[:i]) if token.type != tokenize.COMMENT), None)
    return before is None or before.type in LINE_ENDS


def _files(root: Path) -> Iterator[str]:
    """All files below `root` but those in hidden folders and caches, as paths with slashes."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        for name in names:
            yield Path(folder, name).relative_to(root).as_posix()
