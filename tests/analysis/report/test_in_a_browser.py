"""What the page does in a browser: nothing is asked of any other place, and its charts answer to the keyboard."""

import dataclasses
import json
from pathlib import Path

import polars as pl
import pytest

from analysis.report import report
from study.storage import Storage

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(made, cells, tmp_path_factory):
    return write(made, tmp_path_factory.mktemp("page"), cells)


def write(study, root, planned=(), **spec):
    options = {"spec": {"name": "made"} | spec, "planned": list(planned), "metric": "auc", "against": "scratch"}
    return Path(report.render(study, Storage(root), **options))


def test_it_asks_for_nothing_and_complains_of_nothing(browser, page):
    browser.open(page)
    assert browser.requests() == [page.as_uri()] and browser.complaints() == []
    assert browser.js("document.querySelectorAll('.live svg').length") == 3


def test_a_request_and_a_script_of_anothers_would_be_refused(browser, page):
    browser.open(page)
    browser.js("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'})), 1")
    browser.js("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'})), 1")
    assert browser.js("window.ran === undefined")
    refused = " ".join(str(told) for told in browser.complaints())
    assert "img-src" in refused and "script-src" in refused


def test_names_that_are_scripts_are_shown_and_not_run(browser, made, tmp_path):
    words = {"covid": EVIL, "spark": f"</script>{EVIL}"}
    finals = made.finals.with_columns(pl.col("task", "initialisation").replace(words))
    open_ = write(dataclasses.replace(made, finals=finals), tmp_path, name=f"</title>{EVIL}")
    browser.open(open_)
    assert browser.complaints() == []
    assert EVIL in browser.js("document.querySelector('h1').textContent")
    assert EVIL in browser.js("document.querySelector('#learning_curves .live').textContent")


def test_the_first_screen_answers_the_three_questions_of_each_task(browser, page):
    browser.open(page)
    answers = browser.js(
        "[...document.querySelectorAll('.answers > .answer')].map(each => [each.querySelector('h3').textContent,"
        " each.querySelectorAll('dd').length, each.getBoundingClientRect().bottom])"
    )
    assert [head for head, _, _ in answers] == ["covid, linear probe", "organs, linear probe"]
    assert all(count == 3 and bottom <= 800 for _, count, bottom in answers)


POINTS = "document.querySelectorAll('#learning_curves .live [aria-roledescription=point]').length"
TEXTS = "[...document.querySelectorAll('#learning_curves .live text')].map(each => each.textContent)"


def test_initialisations_are_toggled_from_the_keyboard(browser, page):
    browser.open(page)
    assert browser.js(POINTS) == 36
    browser.js("document.querySelector('#learning_curves input[value=moco_v2]').focus()")
    browser.press(" ", 32)
    browser.until(f"{POINTS} === 24")
    browser.press("Tab", 9)
    assert browser.js("document.activeElement.value") == "spark"
    browser.press(" ", 32)
    browser.until(f"{POINTS} === 12")
    browser.press(" ", 32)
    browser.until(f"{POINTS} === 24")


def test_the_axis_counts_images_or_patients_on_either_scale(browser, page):
    browser.open(page)
    assert "192" in browser.js(TEXTS) and "labelled images" in browser.js(TEXTS)
    places = (
        "[...document.querySelectorAll('#learning_curves .live [aria-roledescription=point]')].map(e => e.outerHTML)"
    )
    browser.js("document.querySelector('#learning_curves input[value=patients]').click()")
    browser.until(f"{TEXTS}.includes('labelled patients')")
    assert "96" in browser.js(TEXTS) and "192" not in browser.js(TEXTS)
    before = browser.js(places)
    browser.js("document.querySelector('#learning_curves input[value=linear]').click()")
    browser.until(f"JSON.stringify({places}) !== {json.dumps(json.dumps(before, separators=(',', ':')))}")


def test_a_point_tells_what_it_is(browser, page):
    browser.open(page)
    place = browser.js(
        "(() => { const point = document.querySelector('#learning_curves .live [aria-roledescription=point]');"
        " point.scrollIntoView({block: 'center', behavior: 'instant'}); const at = point.getBoundingClientRect();"
        " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    browser.until("document.querySelector('#vg-tooltip-element.visible') !== null")
    told = browser.js("document.querySelector('#vg-tooltip-element').textContent")
    assert all(word in told for word in ("initialisation", "labels", "patients", "mean", "interval", "target"))


def test_print_shows_the_static_charts_and_no_controls(browser, page):
    browser.open(page)
    shown = "['.static', '.live', '.controls', 'nav'].map(s => getComputedStyle(document.querySelector(s)).display)"
    static, live, controls, nav = browser.js(shown)
    assert static == "none" and "none" not in (live, controls, nav)
    browser.media("print")
    static, live, controls, nav = browser.js(shown)
    assert static == "block" and {live, controls, nav} == {"none"}
    browser.call("Emulation.setDeviceMetricsOverride", width=780, height=1100, deviceScaleFactor=1, mobile=False)
    assert browser.js("document.documentElement.scrollWidth") <= 780, "no table is cut by the edge of the paper"


def test_text_of_page_and_charts_follows_the_scheme(browser, page):
    colours = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.live text')).fill]"
    )
    found = []
    for scheme in ("light", "dark"):
        browser.open(page, scheme=scheme)
        found.append([sum(map(int, c[4:-1].split(","))) for c in browser.js(colours)])
    (white, ink), (black, chalk) = found
    assert white > 700 and ink < 150 and black < 100 and chalk > 600


def test_a_narrow_screen_is_not_scrolled_sideways(browser, page):
    browser.open(page, width=390)
    assert browser.js("document.documentElement.scrollWidth") <= 390


def test_labels_of_an_axis_do_not_touch(browser, page):
    browser.open(page)
    rows = browser.js(
        "[...document.querySelectorAll('.live .role-axis-label')].map(axis => [...axis.querySelectorAll('text')]"
        ".filter(text => getComputedStyle(text).opacity > 0).map(text => { const at = text.getBoundingClientRect();"
        " return [at.left, at.right, at.top, at.bottom]; }))"
    )
    assert len(rows) > 10
    for boxes in rows:
        for k, (left, right, top, bottom) in enumerate(boxes):
            for other in boxes[k + 1 :]:
                assert right <= other[0] or other[1] <= left or bottom <= other[2] or other[3] <= top


def test_without_scripts_the_static_charts_stand(page):
    text = page.read_text()
    assert text.count('<div class="static"') == text.count('<div class="live" hidden></div>') == 3
