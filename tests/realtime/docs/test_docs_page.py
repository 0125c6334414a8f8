"""The page at /docs tells all of the contract, runs only its own script, and lets no name become markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from slipway.bundle.release_file import GoldenRows
from slipway.contract.schema import Column, Contract, outputs_of
from slipway.realtime.docs.docs_page import docs_page
from slipway.realtime.protocols.mlflow.decode import decode_json
from tests.support.bundles import GOLDEN, answers, make_contract

PROBE = GoldenRows(GOLDEN, answers(GOLDEN).tolist())
EVIL = '<script>alert("x")</script>\'&${name}$'


class Reader(HTMLParser):
    """Collects the tags, the addresses and the texts of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.texts: dict[str, str] = {}
        self.inside = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside = tag
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def commands(page: bytes) -> list[list[str]]:
    """The curl commands of the page, as a shell takes them apart."""
    found = re.findall(r"<pre>(curl.*?)</pre>", page.decode(), re.DOTALL)
    return [shlex.split(html.unescape(re.sub("<[^>]*>", "", command))) for command in found]


def test_the_page_tells_the_model_its_columns_and_its_outputs() -> None:
    page, headers = docs_page(make_contract(), "1.2.3", PROBE)
    text = page.decode()
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>flights<small>1.2.3</small></h1>" in text
    assert "<tr><td><code>distance</code></td><td>double</td><td>no</td><td>any</td></tr>" in text
    assert "<tr><td><code>seats</code></td><td>long</td><td>yes</td><td>any</td></tr>" in text
    carriers = "<code>AA</code>, <code>UA</code>, <code>00123</code>"
    assert f"<tr><td><code>carrier</code></td><td>string</td><td>no</td><td>{carriers}</td></tr>" in text
    assert "<tr><td><code>probability_on time</code></td><td>double</td></tr>" in text
    assert "the probabilities of late, early, on time for each row, in this order" in text


def test_a_regression_is_told_as_one() -> None:
    page, _ = docs_page(make_contract("regression"), "1.2.3", PROBE)
    assert "returns one number per row" in page.decode()


def test_the_page_loads_nothing_from_other_servers() -> None:
    reader = Reader(docs_page(make_contract(), "1.2.3", PROBE)[0])
    assert sorted(reader.addresses) == ["data:,", "openapi.json"]
    assert "@import" not in reader.texts["style"] and "url(" not in reader.texts["style"]


@pytest.mark.parametrize("element", ["script", "style"])
def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(element: str) -> None:
    page, headers = docs_page(make_contract(), "1.2.3", PROBE)
    reader = Reader(page)
    digest = base64.b64encode(hashlib.sha256(reader.texts[element].encode()).digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert rules[f"{element}-src"] == f"'sha256-{digest}'"
    assert (rules["default-src"], rules["connect-src"]) == ("'none'", "'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert reader.handlers == []


def test_no_text_of_the_contract_becomes_markup_or_leaves_its_shell_quotes() -> None:
    inputs = (Column(EVIL, "string", values=(EVIL,)),)
    contract = Contract(EVIL, "classification", inputs, outputs_of("classification", (EVIL, "b")), (EVIL, "b"))
    page, headers = docs_page(contract, EVIL, GoldenRows({EVIL: [EVIL]}, []))
    plain, plain_headers = docs_page(make_contract(), "1.2.3", PROBE)
    assert Reader(page).tags.count("script") == Reader(plain).tags.count("script") == 1
    assert headers == plain_headers
    assert html.escape(EVIL) in page.decode()
    assert json.loads(commands(page)[0][-1]) == {"dataframe_records": [{EVIL: EVIL}]}


def test_each_route_has_a_command_that_the_decoders_take() -> None:
    found = commands(docs_page(make_contract(), "1.2.3", PROBE)[0])
    paths = [command[2].removeprefix("http://localhost:8000") for command in found]
    model = "/v2/models/flights"
    assert paths == ["/invocations", "/invocations", f"{model}/infer", model, "/v2", "/v2/health/ready", "/ping",
                     "/version", "/metrics", "/openapi.json"]  # fmt: skip
    assert decode_json(found[0][-1].encode(), make_contract())["seats"].tolist() == [100]
    assert found[1][-1].startswith("distance,seats,carrier,tail\n0.5,100,AA,N1")


def test_the_box_holds_a_request_that_the_server_takes() -> None:
    body = Reader(docs_page(make_contract(), "1.2.3", PROBE)[0]).texts["textarea"]
    assert decode_json(body.encode(), make_contract())["distance"].tolist() == [0.5]


def test_commands_carry_a_token_only_where_the_server_asks_for_one() -> None:
    plain = commands(docs_page(make_contract(), "1.2.3", PROBE)[0])
    assert not any("authorization" in part for command in plain for part in command)
    secured = commands(docs_page(make_contract(), "1.2.3", PROBE, secured=True)[0])
    unlocked = [command[2] for command in secured if "authorization: Bearer $TOKEN" not in command]
    assert [address.rpartition("8000")[2] for address in unlocked] == ["/v2/health/ready", "/ping", "/openapi.json"]


def test_the_wheel_brings_the_pages_template() -> None:
    builder = WheelBuilder(str(Path(__file__).parents[3] / "src"))
    assert "slipway/realtime/docs/docs.html" in {file.distribution_path for file in builder.recurse_included_files()}
