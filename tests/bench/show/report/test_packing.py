"""What is large or may hold anything, as text in a page."""

from __future__ import annotations

import base64
import gzip
import json

from bench.show.report.packing import pack, packed_json, script_json


def test_json_cannot_end_its_script() -> None:
    value = {"</script><!--": "\u2028 <script> \ud800 é &"}
    text = script_json(value)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == value


def test_what_is_packed_comes_out_again_and_is_the_same_each_time() -> None:
    text = "é \u2028 </script>" * 100
    packed = pack(text)
    assert packed == pack(text)
    assert len(packed) < len(text)
    assert gzip.decompress(base64.b64decode(packed)).decode() == text


def test_numbers_that_json_has_not_are_packed_as_null() -> None:
    packed = packed_json({"x": [1.5, float("nan"), float("inf")]})
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == {"x": [1.5, None, None]}
