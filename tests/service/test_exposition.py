"""The text that Prometheus reads."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.exposition import Exposition, labels

AWKWARD = 'a "quoted" \\ back\\nslash\nline, {brace} = é'


def samples(out: Exposition) -> dict[tuple[str, ...], float]:
    """Name and labels of each sample, as a parser reads them, with its value."""
    families = text_string_to_metric_families(out.render().decode())
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_parser_reads_what_was_written() -> None:
    out = Exposition()
    out.family("answers_total", "counter", "How many.")
    out.sample("answers_total", labels({"path": AWKWARD, "code": 200}), 12345678901234567)
    out.family("room", "gauge", "How much.")
    out.sample("room", "", 0.5)
    assert samples(out) == {
        ("answers_total", "code=200", f"path={AWKWARD}"): 12345678901234567.0,
        ("room",): 0.5,
    }


def test_the_buckets_of_a_histogram_add_up() -> None:
    out = Exposition()
    out.family("seconds", "histogram", "How long.")
    out.histogram("seconds", labels({"who": "me"}), ("0.1", "1.0"), [3, 0, 2], 7.25)
    assert samples(out) == {
        ("seconds_bucket", "le=0.1", "who=me"): 3,
        ("seconds_bucket", "le=1.0", "who=me"): 3,
        ("seconds_bucket", "le=+Inf", "who=me"): 5,
        ("seconds_count", "who=me"): 5,
        ("seconds_sum", "who=me"): 7.25,
    }


def test_a_name_that_is_no_utf_8_is_written_all_the_same() -> None:
    out = Exposition()
    out.family("refused", "gauge", "Folders.")
    out.sample("refused", labels({"model": "a\udcff"}), 1)
    assert samples(out) == {("refused", "model=a?"): 1}


def test_labels_are_sorted() -> None:
    assert labels({"version": 1, "model": "cgan"}) == 'model="cgan",version="1"'


def test_a_histogram_needs_a_count_for_each_bucket() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Exposition().histogram("seconds", "", ("0.1", "1.0"), [1, 2], 0)
