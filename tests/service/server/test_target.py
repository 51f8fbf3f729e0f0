"""Request targets and Host headers, and that every refusal is answered, logged and counted."""

import json

import pytest

from service.errors import ServiceError
from service.server.target import check_host, origin_form
from tests.service.server.serving import CLOSE, GET, Serving, head, until


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://b/forwarded?q=1", "/forwarded", "b"),
        (b"HTTP://b:80/forwarded", "/forwarded", "b:80"),
        (b"http://[::1]:80/forwarded", "/forwarded", "[::1]:80"),
        (b"/forwarded", "/forwarded", "a"),
    ],
)
async def test_an_absolute_target_is_served(serving: Serving, target: bytes, path: str, host: str) -> None:
    answer = await serving.exchange(
        b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nX-T: 1\r\nConnection: close\r\n\r\n"
    )
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"host": host, "x-t": "1", "body": 0, "path": path}


@pytest.mark.parametrize(
    ("target", "wanted"),
    [(b"http://a", b"/"), (b"http://a?x=1", b"/?x=1"), (b"https://a/b#c", None), (b"http://u@a/", None)],
)
def test_absolute_targets_become_paths(target: bytes, wanted: bytes | None) -> None:
    if wanted is None:
        with pytest.raises(ServiceError, match="must be a path"):
            origin_form(b"GET", target)
    else:
        assert origin_form(b"GET", target) == (wanted, b"a")


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (b"CONNECT a:80 HTTP/1.1", 501, "connect"),
        (b"GET * HTTP/1.1", 400, "bad-target"),
        (b"GET ftp://a/b HTTP/1.1", 400, "bad-target"),
        (b"GET http:///b HTTP/1.1", 400, "bad-target"),
        (b"GET /\xff HTTP/1.1", 400, "bad-request"),
        (b"nonsense", 400, "bad-request"),
    ],
)
async def test_other_targets_are_refused(
    serving: Serving, request_line: bytes, status: int, code: str
) -> None:
    answer = await serving.exchange(request_line + b"\r\nHost: a\r\n\r\nmore")
    await refused_as(serving, answer, status, code)


async def test_options_of_the_server_name_methods(serving: Serving) -> None:
    answer = await serving.exchange(b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"allow: GET" in answer


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host: a\r\nHost: a\r\n",
        b"Host: a\r\nhost: b\r\n",
        b"Host:\r\n",
        b"Host: a b\r\n",
        b"Host: a/b\r\n",
        b"Host: u@a\r\n",
        b"Host: a:b\r\n",
        b"Host: [::1\r\n",
        b"Host: a, b:1:2\r\n",
    ],
)
async def test_a_request_without_one_valid_host_is_400(serving: Serving, hosts: bytes) -> None:
    answer = await serving.exchange(b"GET /health/live HTTP/1.1\r\n" + hosts + b"\r\n")
    await refused_as(serving, answer, 400, "bad-host")


async def test_http_1_0_needs_no_host(serving: Serving) -> None:
    answer = await serving.exchange(b"GET /health/live HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("host", [b"a", b"a.b-c:80", b"127.0.0.1:8000", b"[::1]:80", b"a: ".strip(), b"a_b"])
def test_valid_hosts_pass(host: bytes) -> None:
    check_host(host)


async def test_a_second_request_with_another_host_is_checked(serving: Serving) -> None:
    answer = await serving.exchange(GET + GET.replace(b"Host: a", b"Host: a b"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    await refused_as(serving, answer[answer.rindex(b"HTTP/1.1 ") :], 400, "bad-host")


async def test_a_path_with_a_slash_too_many_is_no_redirect(serving: Serving) -> None:
    answer = await serving.exchange(head("GET", "/docs/", CLOSE))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"location" not in answer


async def test_a_head_that_is_late_or_too_large_is_logged_and_counted(serving: Serving) -> None:
    await refused_as(serving, await serving.exchange(b"GET /x HTTP/1.1\r\n"), 408, "too-slow")
    large = head("GET", "/", "X: " + "x" * 40_000)
    await refused_as(serving, await serving.exchange(large), 431, "headers-too-large")


async def test_a_refused_head_request_has_no_body(serving: Serving) -> None:
    answer = await serving.exchange(b"HEAD / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n")


async def refused_as(serving: Serving, answer: bytes, status: int, code: str) -> None:
    """The answer is an error of this service, on a connection that ends, and one line of log and metrics."""
    answer_head, _, body = answer.partition(b"\r\n\r\n")
    assert answer_head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["code"] == code
    for line in (
        b"connection: close",
        b"x-content-type-options: nosniff",
        b"x-frame-options: DENY",
        b"referrer-policy: no-referrer",
    ):
        assert answer_head.count(line) == 1
    await until(lambda: serving.log.getvalue().count(f'"{code}"') == 1)
    logged = json.loads(serving.log.getvalue().splitlines()[-1])
    assert {name: logged[name] for name in ("client", "status", "code")} == {
        "client": "127.0.0.1",
        "status": status,
        "code": code,
    }
    metrics = serving.metrics.render().decode()
    labels = f'method="other",route="other",status="{status}"'
    assert f"mnist_gan_requests_total{{{labels}}} 1.0" in metrics
    assert f'mnist_gan_failures_total{{code="{code}"}} 1.0' in metrics
