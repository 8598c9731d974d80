"""The page in a browser: what a reader does, and that a hostile run does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sparring.view.html import pages
from tests.view.html.chromium import Page, browser, find
from tests.view.html.synthetic_runs import group, run
from tests.view.html.test_pages import HOSTILE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find() is None, reason="Chromium is not installed: `apt-get install chromium`"
    ),
]
MATRIX = ["++++-", "+-+?-", "-->0+", "--+!-", "?++-+"]
CELL = 'td.cell[data-r="{}"][data-c="{}"]'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of two plain runs, a hostile one, an empty one and one in a folder."""
    home = tmp_path_factory.mktemp("made")
    first = [
        [group(MATRIX, 2, own=4, task="alpha", step=s), group(["-+", "-?"], 1, task="beta")]
        for s in (1, 2, 3)
    ]
    second = [[group(["++", "--"], 1, task="alpha"), group(["++"], 1, task="gamma")]] * 2
    a, b = run(home / "first", first), run(home / "second", second)
    bad = run(
        home / "<script>alert(1)<",
        [[group(MATRIX, 2, task=HOSTILE, text=HOSTILE), group(MATRIX, 2, text="</script>")]],
        HOSTILE,
    )
    pages.write_file([a], home / "one.html")
    pages.write_file([a, b], home / "two.html")
    pages.write_file([bad, a], home / "bad.html")
    pages.write_file([run(home / "empty", [])], home / "empty.html")
    pages.write_folder([a, b], home / "folder")
    return home


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("home")) as page:
        yield page


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """The tab; whatever a test did, the console stayed empty and nothing was asked of a network."""
    tab.said.clear()
    tab.asked.clear()
    tab.size(1280, 900)
    tab.scheme("light")
    yield tab
    assert tab.said == []
    assert all(a.startswith(("file:", "about:")) for a in tab.asked), tab.asked


def text(page: Page, selector: str) -> str:
    return str(page.run(f"document.querySelector({selector!r}).innerText"))


def texts(page: Page, selector: str) -> list[str]:
    found = page.run(f"[...document.querySelectorAll({selector!r})].map((e) => e.innerText.trim())")
    return list(found)


def choose(page: Page, label: str, value: str) -> None:
    """Set a select that is found by its label."""
    page.run(
        f"(() => {{ const l = [...document.querySelectorAll('label')].find((l) => "
        f"l.textContent.startsWith({label!r})); const s = l.querySelector('select'); "
        f"s.value = {value!r}; s.dispatchEvent(new Event('change')); }})()"
    )


def test_the_overview_explains_itself_and_leads_on(page: Page, made: Path) -> None:
    page.open(made / "one.html")
    assert "two roles" in text(page, ".intro")
    assert "copied tests" in text(page, ".alarms")
    assert page.run("document.querySelectorAll('figure.chart svg').length") > 5
    assert "+" in text(page, "table")
    page.run("scrollTo(0, 500)")
    page.key("2")
    page.wait("document.querySelector('main').dataset.view === 'steps'")
    assert page.run("scrollY") == 0
    page.key("4")
    page.wait("document.querySelector('main').dataset.view === 'words'")
    assert "advantage" in texts(page, "dt")
    page.key("?")
    page.wait("document.querySelector('dialog').open")
    assert "earlier, later step" in text(page, "dialog")


def test_a_curve_is_read_off_and_leads_to_its_step(page: Page, made: Path) -> None:
    page.open(made / "one.html")
    page.run("document.querySelector('figure[data-key=batch]').focus()")
    page.key("ArrowRight")
    page.key("ArrowRight")
    assert text(page, "figure[data-key=batch] output") == "step 2: A 50.0%"
    page.key("Enter")
    page.wait("document.querySelector('h2').innerText === 'Step 2'")


def test_groups_are_sorted_and_filtered(page: Page, made: Path) -> None:
    page.open(made / "one.html", "#step=2")
    assert texts(page, ".groups tbody th") == ["alpha", "beta"]
    assert any("no label: no response has" in t for t in texts(page, ".drops"))
    page.click(".groups thead th button")  # by name, and again the other way
    page.click(".groups thead th button")
    assert texts(page, ".groups tbody th") == ["beta", "alpha"]
    choose(page, "show", "none")
    assert texts(page, ".groups tbody th") == ["beta"]
    choose(page, "show", "all")
    page.run(
        "(() => { const i = document.querySelector('input'); i.value = 'ALPH'; "
        "i.dispatchEvent(new Event('input')); })()"
    )
    assert texts(page, ".groups tbody th") == ["alpha"]


def test_a_cell_shows_its_input_its_difference_and_its_rewards(page: Page, made: Path) -> None:
    page.open(made / "one.html", "#step=1&task=alpha")
    assert page.run("document.querySelectorAll('.matrix td.cell').length") == 25
    symbols = texts(page, ".matrix tbody tr:nth-child(3) td.cell")
    assert symbols == ["✗", "✗", "?", "–", "✓"]
    assert texts(page, CELL.format(1, 3)) == ["·"]
    assert "mask" in page.run(f"document.querySelector('{CELL.format(1, 3)}').className")
    page.click(CELL.format(2, 0))
    assert "wrong answer" in text(page, ".detail")
    assert "CPU time 1.0 ms" in text(page, ".detail")
    assert texts(page, ".diff tbody td") == ["−", "x expected", "+", "x"]
    assert texts(page, ".diff del") == ["expected"]
    page.click('.matrix button[data-c="2"]')
    terms = dict(
        zip(texts(page, ".terms th"), texts(page, ".terms td"), strict=True),
    )
    # P0 is correct, P1 to P3 are wrong, the initial-policy program's masked cell leaves it unknown
    assert terms["wrong programs W"] == "3"
    assert "Eq 4" in terms["rule"]
    page.click('.matrix button[data-r="0"]')
    assert "Eq 3" in text(page, ".terms")
    assert page.run("document.querySelectorAll('.tokens .tok').length") == 2
    assert page.run("location.hash.includes('row=0')")  # a link that leads back here


def test_the_grid_is_sorted_filtered_and_walked_by_keys(page: Page, made: Path) -> None:
    page.open(made / "one.html", "#step=1&task=alpha")
    names = lambda: [t[:2] for t in texts(page, ".matrix tbody th")]  # noqa: E731
    assert names() == ["P0", "P1", "P2", "P3", "I0"]
    choose(page, "show programs", "correct")
    assert names() == ["P0"]
    choose(page, "show programs", "all")
    choose(page, "programs by", "passes")
    assert names() == ["P0", "P1", "P2", "P3", "I0"]
    choose(page, "show tests", "mask")
    assert [t[:2] for t in texts(page, ".matrix thead th button")] == ["G0", "U1"]
    choose(page, "show tests", "all")
    page.run(f"document.querySelector('{CELL.format(0, 0)}').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
        page.key(key)
    assert "program P2 on ground truth test G1" in text(page, ".detail h3")
    page.key("n")
    page.wait("document.querySelector('h2').innerText.includes('beta')")


def test_two_runs_stand_side_by_side(page: Page, made: Path) -> None:
    page.open(made / "two.html")
    assert "not on the same tasks" in text(page, "#between")
    page.go("#view=task&step=1&task=alpha", "document.querySelectorAll('.matrix').length === 2")
    sides = "[...document.querySelectorAll('.columns > section')].map((s) => s.offsetTop)"
    left, right = page.run(sides)
    assert left == right
    page.go("#view=task&step=1&task=beta", "document.querySelectorAll('.matrix').length === 1")
    assert "did not have the task" in text(page, ".columns")
    page.go("#view=steps&step=1", "document.querySelectorAll('.groups').length === 2")
    assert texts(page, ".groups tbody th") == ["alpha", "beta", "alpha", "gamma"]
    choose(page, "show", "none")
    assert texts(page, ".groups tbody th") == ["beta"]
    choose(page, "show", "all")
    page.go("#view=steps&step=3", "document.querySelectorAll('.groups').length === 1")
    assert "no such step" in text(page, ".columns")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["one", "two", "bad", "empty"])
def test_no_view_is_wider_than_the_window(page: Page, made: Path, name: str, width: int) -> None:
    page.size(width, 800)
    page.open(made / f"{name}.html")
    for view in ("overview", "steps", "task", "words"):
        page.go(f"#view={view}", f"document.querySelector('main').dataset.view === '{view}'")
        if page.run(f"document.querySelector('{CELL.format(0, 0)}') !== null"):
            page.click(CELL.format(0, 0))
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), view


def test_dark_follows_the_system_and_the_switch(page: Page, made: Path) -> None:
    page.open(made / "one.html")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.run(paper)
    page.scheme("dark")
    dark = page.run(paper)
    assert light != dark
    page.key("t")
    assert page.run("document.documentElement.dataset.theme") == "light"
    assert page.run(paper) == light
    page.scheme("light")
    page.key("t")
    assert page.run(paper) == dark
    page.key("t")
    assert page.run("document.documentElement.dataset.theme") == "auto"


def test_a_hostile_run_is_inert(page: Page, made: Path) -> None:
    page.open(made / "bad.html")
    views = ("overview", "steps", "words", "task&group=0&row=0&col=0", "task&group=0&row=1",
             "task&group=0&col=3", "task&group=1&row=0&col=0")  # fmt: skip
    for hash_ in views:
        view = hash_.partition("&")[0]
        page.go(f"#view={hash_}", f"document.querySelector('main').dataset.view === '{view}'")
        if view == "task":
            page.wait("document.querySelector('.detail pre')")
        assert (
            page.run("document.querySelectorAll('main img, main script, main iframe').length") == 0
        )
        raw = r"/[\x00\x1b\u202e\u2066\u2028]|[\ud800-\udfff](?![\udc00-\udfff])/"
        assert page.run(f"{raw}.test(document.querySelector('main').innerText)") is False
    page.go("#view=task&group=0&row=0&col=0", "document.querySelector('.detail pre .unseen')")
    shown = text(page, ".detail pre")
    assert r"\x1b[31mred" in shown
    assert r"\u202eevil" in shown
    assert r"\ud800" in shown
    assert "<script>alert(1)</script>" in shown
    # and if the script had a fault, the policy would still hold
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.hurt=1>')")
    page.run("new Promise((done) => setTimeout(done, 200))")
    assert page.run("window.hurt === undefined")
    assert any("Content Security Policy" in line for line in page.said)
    page.said.clear()


def test_a_folder_leads_from_page_to_page(page: Page, made: Path) -> None:
    page.open(made / "folder" / "index.html", "#step=2")
    page.click(".groups tbody th a")
    page.wait("location.pathname.endsWith('step-00002.html')")
    page.wait("document.querySelectorAll('.matrix').length === 2")
    page.key("]")
    page.wait("location.pathname.endsWith('step-00003.html')")
    page.wait("document.querySelector('.matrix')")
    page.key("1")
    page.wait("location.pathname.endsWith('index.html')")
    page.wait("document.querySelector('figure.chart svg')")
