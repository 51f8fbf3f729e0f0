"""JSON as text, so that it can be what no library writes: repeated keys, wrong numbers, lone surrogates."""

from collections.abc import Callable

from benchmarks.faults.adversary.draws import Chance, often, size, weighted
from benchmarks.faults.containers import base64_of, png

PICTURE = f'"{base64_of(png())}"'
NUMBERS = [
    "0",
    "1",
    "2",
    "7",
    "-1",
    "1.5",
    "1e400",
    "-0",
    "1E2",
    "9" * 30,
    "0." + "0" * 50 + "1",
    "4294967296",
]
ODD = [
    "NaN",
    "Infinity",
    "0x10",
    "01",
    "+1",
    "true",
    "null",
    '""',
    '"a"',
    "[]",
    "{}",
    '"\\ud800"',
    '"\\u0000"',
]
Field = Callable[[Chance], str]
CHEAP_MODELS = ["cgan", "dcgan", "gan", "vae", "sgan", "bigan", "vae_2d", "nowhere"]


def endpoint_json(chance: Chance) -> tuple[str, str, bool]:
    """A path, a body with its fields, most of them right, and whether it asks for much work."""
    path = chance.choice(sorted(FIELDS))
    heavy = often(chance, 0.02)
    names = [name for name in FIELDS[path] if name in REQUIRED or often(chance, 0.35)]
    members = [(name, FIELDS[path][name](chance)) for name in names]
    if often(chance, 0.4):
        name = chance.choice([*FIELDS[path], "unknown", ""])
        value = (
            chance.choice([*NUMBERS, *ODD])
            if often(chance, 0.7)
            else any_json(chance, size(chance, 10_000))[1]
        )
        members.append((name, value))
    if often(chance, 0.1) and members:
        members += [chance.choice(members)] * size(chance, 1_000)
    if heavy:
        members = [*members, *HEAVY.get(path, [])]
    chance.shuffle(members)
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in members) + "}"
    return path, text, heavy or _much(path, members)


def any_json(chance: Chance, length: int) -> tuple[str, str]:
    """A shape's name, and a text of about this length."""

    def repeated(unit: str) -> str:
        return ",".join([unit] * (length // (len(unit) + 1) + 1))

    unit = chance.choice([*NUMBERS, *ODD])
    open_, close = chance.choice([("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    depth = length // len(open_ + close) + 1
    key = chance.choice(
        ["n", "seed", "images", "latents", "labels", "inputs", "from", "directions", "prompt", "x"]
    )
    shapes = [
        ("deep", open_ * depth + "1" + close * depth),
        ("deep and open", open_ * depth),
        ("wide", f'{{"{key}": [{repeated(unit)}]}}'),
        ("wide lists", f'{{"{key}": [{repeated("[1]")}]}}'),
        ("wide objects", f'{{"{key}": [{repeated("{}")}]}}'),
        ("one key again and again", "{" + repeated(f'"{key}": 1') + "}"),
        ("many keys", "{" + ",".join(f'"k{n}": {n}' for n in range(length // 14 + 1)) + "}"),
        ("a long string", f'{{"{key}": "{chance.choice(["a", "é", "&", "=", "/"]) * length}"}}'),
        ("escapes", f'{{"{key}": "{chance.choice([chr(92) + "n", chr(92) + "u0041"]) * (length // 4)}"}}'),
        ("a long number", f'{{"{key}": {chance.choice(["9", "1.", "1e", "0."])}{"9" * length}}}'),
        ("spaces", " " * length + "{}"),
        ("spaces within", '{"n":' + "\n" * length + "1}"),
        ("a long key", f'{{"{"k" * length}": 1}}'),
        ("a list", f"[{repeated(unit)}]"),
        ("many documents", "{}" * (length // 2 + 1)),
    ]
    return chance.choice(shapes)


def _one_of(*values: str) -> Field:
    return lambda chance: chance.choice(values)


def _model(chance: Chance) -> str:
    return f'"{chance.choice(CHEAP_MODELS)}"'


def _seed(chance: Chance) -> str:
    return str(chance.randrange(2**32))


def _labels(chance: Chance) -> str:
    count = size(chance, 16)
    return (
        str(chance.randrange(10)) if often(chance, 0.5) else str([chance.randrange(10) for _ in range(count)])
    )


def _latent(chance: Chance) -> str:
    return str([round(chance.gauss(0, 1), 3) for _ in range(weighted(chance, [(6, 64), (2, 2), (1, 4096)]))])


def _latents(chance: Chance) -> str:
    return "[" + ", ".join(_latent(chance) for _ in range(size(chance, 8))) + "]"


def _directions(chance: Chance) -> str:
    names = ["slant", "thickness", "width", "x", ""]
    pairs = [f'"{chance.choice(names)}{n}": {chance.choice(NUMBERS)}' for n in range(size(chance, 80))]
    return "{" + ", ".join(pairs) + "}"


def _images(chance: Chance) -> str:
    one = chance.choice([PICTURE, PICTURE, '"data:image/png;base64,' + PICTURE[1:], '""', '"AAAA"', '"?"'])
    return "[" + ", ".join([one] * size(chance, 12)) + "]"


def _size(chance: Chance) -> str:
    return f'"{chance.choice(["auto", "28x28", "56x56", "99x99", "9999x9999", "0x0", "1x1x1"])}"'


_COMMON: dict[str, Field] = {
    "model": _model,
    "version": _one_of("1", "1", "2", "99"),
    "directions": _directions,
    "scale": _one_of("1", "2", "3", "17"),
}
_FORMAT = _one_of('"json"', '"png"', '"npy"', '"zip"', '"gif"')
_SAMPLED: dict[str, Field] = {
    **_COMMON,
    "labels": _labels,
    "columns": _one_of("1", "4", "256"),
    "format": _FORMAT,
}
_UPLOADED: dict[str, Field] = {
    "model": _one_of('"cgan"', '"vae"', '"sgan"', '"bigan"'),
    "fit": _one_of("true", "false", '"auto"'),
    "invert": _one_of("true", "false", '"auto"'),
    "return_images": _one_of("true", "false"),
    "images": _images,
}
REQUIRED = {"images", "latents", "from", "to", "prompt"}
FIELDS: dict[str, dict[str, Field]] = {
    "/generate": {
        **_SAMPLED,
        "n": _one_of("1", "2", "8", "16"),
        "seed": _seed,
        "truncation": _one_of("0.5", "1", "0"),
        "return_latents": _one_of("true", "false"),
        "return_scores": _one_of("true", "false"),
    },
    "/decode": {**_SAMPLED, "latents": _latents, "return_scores": _one_of("true", "false")},
    "/interpolate": {
        **_COMMON,
        "from": lambda chance: chance.choice([_seed, _latent])(chance),
        "to": lambda chance: chance.choice([_seed, _latent])(chance),
        "steps": _one_of("2", "3", "8", "1"),
        "method": _one_of('"auto"', '"slerp"', '"lerp"'),
        "loop": _one_of("true", "false"),
        "format": _one_of('"json"', '"png"'),
        "frame_ms": _one_of("20", "80", "10000"),
    },
    "/score": {**_UPLOADED, "label": _labels},
    "/encode": {**_UPLOADED, "label": _labels, "reconstruct": _one_of("true", "false")},
    "/classify": _UPLOADED,
    "/v1/images/generations": {
        "prompt": _one_of('"7"', '"a handwritten 2026"', '"none"', f'"{"7" * 1000}"'),
        "n": _one_of("1", "2", "4"),
        "size": _size,
        "seed": _seed,
        "response_format": _one_of('"b64_json"', '"url"'),
        "user": _one_of('"a"', f'"{"a" * 1001}"'),
    },
}
HEAVY = {
    "/generate": [("n", "256"), ("scale", "9")],
    "/interpolate": [("steps", "128"), ("scale", "9"), ("format", '"webp"')],
    "/encode": [("mask", PICTURE), ("rounds", "100")],
}
"""Fields that ask for much work; a field that is given twice has its last value."""


def _much(path: str, members: list[tuple[str, str]]) -> bool:
    """Return True if a valid request with these fields draws or writes far more than one picture."""
    values = dict(members)
    prompt = path.startswith("/v1") and (len(values.get("prompt", "")) > 100 or "9" in values.get("size", ""))
    return prompt or "4096" in values.get("n", "") or values.get("n") == "256"
