# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The report in a real browser, as those see it who were not there: desktop, phone and dark, keyboard included."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._artifacts import write_artifacts
from ansible_collections.steady.postgresql.plugins.plugin_utils._fleet import write_fleet_page
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.files import write_review
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.problem import Unreadable
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.remarks import remarks
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.review import Review
from unit.plugins.plugin_utils.test_report_pages import EVIL, TEMPLATES, full
from unit.readings import another_way, as_written, decision, evil, not_carried_out, not_understood, reading

webdriver = pytest.importorskip("selenium.webdriver")

OUTPUT = Path(__file__).resolve().parents[1] / "output" / "report"
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
)

PAGES = [
    *("db1/latest/report.html", "db2/latest/report.html", "index.html"),
    *("db1/latest-review/review.html", "db2/latest-review/review.html"),
]

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Debian's packages chromium and chromium-driver")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser that tells what it asks for and what its console says."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=str(DRIVER)))
    yield started
    started.quit()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports, one of them full of names that try to break out, and the page over both."""
    folder = tmp_path_factory.mktemp("artifacts")
    promises = [{"claim": EVIL, "status": "held", "measured": EVIL, "evidence": EVIL}]
    write_artifacts(folder / "db1", full(undo="ansible-playbook rollback.yml"), TEMPLATES, {"monitor": "monitor"})
    crowded = full(host=EVIL, database=EVIL, promises=promises, error=EVIL, status="failed", notes=[EVIL])
    write_artifacts(folder / "db2", crowded, TEMPLATES)
    write_fleet_page(folder, {"db1": "db1", EVIL: "db2"}, TEMPLATES)
    statements = (as_written(), another_way(), decision(), decision(8, "unused"), not_understood(), not_carried_out())
    for host, migration in (("db1", reading(*statements)), ("db2", evil())):
        review = Review((migration,), (Unreadable(EVIL, None, None, EVIL),), (EVIL,))
        write_review(folder / host, review, remarks(review), host, "0.5.0", [])
    return folder


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, browser: Any, artifacts: Path) -> Iterator[Any]:
    """The page, opened; when the test has ended, the console is empty and nothing was asked for but files of ours."""
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get((artifacts / request.param).as_uri())
    yield browser
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    # The browser's own first page asks for its own pictures.
    asked = [one["request"]["url"] for one in requests if not one["documentURL"].startswith("chrome:")]
    assert asked
    assert [url for url in asked if not url.startswith(artifacts.as_uri())] == []
    assert browser.get_log("browser") == []


SCREENS = [("desktop", 1280, "light"), ("phone", 390, "light"), ("dark", 1280, "dark")]


@pytest.mark.parametrize(("name", "width", "scheme"), SCREENS)
def test_it_fits_and_can_be_read(page: Any, request: pytest.FixtureRequest, name: str, width: int, scheme: str) -> None:
    """Nothing sticks out to the side, ink differs from paper, and a picture of it is taken."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": name == "phone"}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    if name != "phone":
        # A definition that has to be pushed to the side is not read.
        assert page.execute_script(
            "return [...document.querySelectorAll('#changes .wide')].every(one => one.scrollWidth <= one.clientWidth)"
        )
    ink, paper = page.execute_script("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
    assert (_brightness(ink) > _brightness(paper)) is (scheme == "dark")
    assert abs(_brightness(ink) - _brightness(paper)) > 150
    OUTPUT.mkdir(parents=True, exist_ok=True)
    height = page.execute_script("return document.documentElement.scrollHeight")
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "height": height})
    picture = OUTPUT / f"{request.node.callspec.params['page'].replace('/', '-')}-{name}.png"
    assert page.save_screenshot(str(picture))
    assert picture.stat().st_size > 10_000


def _brightness(colour: str) -> float:
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3


def test_every_link_leads_somewhere_and_everything_that_folds_unfolds(page: Any) -> None:
    start = page.current_url
    for number in range(len(page.find_elements("css selector", "a"))):
        link = page.find_elements("css selector", "a")[number]
        target = link.get_attribute("href")
        page.execute_script("arguments[0].click()", link)
        assert page.current_url == target
        if "#" in target:
            assert page.find_elements("css selector", f"[id='{target.rpartition('#')[2]}']")
        else:
            assert page.find_elements("tag name", "h1")
        page.get(start)
    for summary in page.find_elements("css selector", "summary"):
        was = page.execute_script("return arguments[0].parentElement.open", summary)
        page.execute_script("arguments[0].click()", summary)
        assert page.execute_script("return arguments[0].parentElement.open", summary) is not was


def test_it_is_sound_for_keyboard_and_screen_reader(page: Any) -> None:
    """One h1, no level left out, headers with a scope, names for all regions; what scrolls takes the focus."""
    assert page.execute_script("return document.documentElement.lang") == "en"
    levels = [int(node.tag_name[1]) for node in page.find_elements("css selector", "h1, h2, h3, h4")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.find_elements("css selector", "th:not([scope])") == []
    for node in page.find_elements("css selector", "nav, [role=group]"):
        assert node.get_attribute("aria-label")
    for node in page.find_elements("css selector", ".wide"):
        assert node.get_attribute("tabindex") == "0"
    assert page.find_elements("css selector", "svg:not([aria-hidden=true])") == []
    ids = [node.get_attribute("id") for node in page.find_elements("css selector", "[id]")]
    assert len(ids) == len(set(ids))


def test_names_are_only_names(page: Any) -> None:
    """Nothing of them became an element or ran."""
    assert page.find_elements("css selector", "b, body script, img, iframe") == []
