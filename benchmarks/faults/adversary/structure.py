"""The grammar of request bodies other than pictures: JSON, forms, and the tensors of /v2."""

import gzip
import zlib
from collections.abc import Callable

from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.draws import Chance, damaged, often, size, weighted
from benchmarks.faults.adversary.forms import form
from benchmarks.faults.adversary.json_text import any_json, endpoint_json
from benchmarks.faults.adversary.tensors import tensors
from benchmarks.faults.containers import JSON
from benchmarks.faults.wire import request

PATHS = ["/generate", "/decode", "/interpolate", "/score", "/encode", "/classify", "/v1/images/generations"]
INFER = "/v2/models/cgan/infer"
CLOSE = "Connection: close"
BOMB_BYTES = 50_000_000


def generate(chance: Chance) -> Case:
    """One request."""
    productions: list[tuple[float, Callable[[Chance], Case]]] = [
        (5, _fields),
        (3, _json),
        (3, _form),
        (4, _tensors),
    ]
    return weighted(chance, productions)(chance)


def _fields(chance: Chance) -> Case:
    """Nearly what an endpoint takes."""
    path, text, heavy = endpoint_json(chance)
    kind = "valid" if not often(chance, 0.1) else "damaged"
    body = text.encode("utf-8", "surrogatepass")
    if kind == "damaged":
        body = damaged(chance, body)[1]
    return Case(f"json: fields of {path}", (request("POST", path, body, JSON, CLOSE),), heavy=heavy)


def _json(chance: Chance) -> Case:
    """JSON of any shape."""
    path = chance.choice([*PATHS, INFER])
    limit = 1_000_000 if path in ("/generate", "/decode", "/interpolate") else 4_000_000
    name, text = any_json(chance, size(chance, limit, 10))
    return Case(f"json: {name}", (request("POST", path, text.encode("utf-8", "surrogatepass"), JSON, CLOSE),))


def _form(chance: Chance) -> Case:
    name, boundary, body = form(chance)
    kind = f"Content-Type: multipart/form-data; boundary={boundary}"
    path = chance.choice(["/score", "/encode", "/classify"])
    return Case(f"form: {name}", (request("POST", path, body, kind, CLOSE),))


def _tensors(chance: Chance) -> Case:
    name, model, body, json_length = tensors(chance)
    headers = [CLOSE]
    if json_length is not None:
        headers.append(f"Inference-Header-Content-Length: {json_length}")
    if often(chance, 0.3):
        encoding = chance.choice(["gzip", "deflate", "br", "gzip, gzip", "identity"])
        headers.append(f"Content-Encoding: {encoding}")
        name += f", {encoding}"
        body = _compressed(chance, encoding, body)
    if often(chance, 0.2):
        headers.append(f"Accept-Encoding: {chance.choice(['gzip', 'deflate', 'gzip;q=0', ',' * 1000])}")
    return Case(f"tensors: {name}", (request("POST", f"/v2/models/{model}/infer", body, *headers),))


def _compressed(chance: Chance, encoding: str, body: bytes) -> bytes:
    """Compress as the encoding says; sometimes return a bomb, damage the result, or use another encoding."""
    if often(chance, 0.2):
        body = bytes(size(chance, BOMB_BYTES))
    deflate = encoding == "deflate" or often(chance, 0.1)
    packed = zlib.compress(body, 1) if deflate else gzip.compress(body, 1, mtime=0)
    return damaged(chance, packed)[1] if often(chance, 0.2) else packed
