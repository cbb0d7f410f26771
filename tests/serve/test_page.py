"""The page in a real browser, against a running server with a library of rendered videos."""

import gc
import os
import threading
import time
from pathlib import Path

import pytest
from chromium import chromium
from painted import Painted, encoder, paint

from videoclip.library.index import IndexOptions, index, note_state
from videoclip.library.search import Library
from videoclip.serve.access import Options
from videoclip.serve.server import make_app

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120
"""Seconds that the slowest machine may take for what the page does at once."""
HOSTILE = "<img src=x onerror=document.title='taken'>&\"'.mp4"


class Running:
    """A server in a thread of its own, that can be stopped and started again on the same port."""

    def __init__(self, library: Library, port: int = 0):
        self.library, self.port = library, port
        self.start()

    def start(self) -> None:
        import uvicorn

        config = uvicorn.Config(make_app(self.library, Options()), port=self.port, log_level="warning")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()
        gc.collect()  # closes connections that the loop had no time to close, as the end of a process does

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        if not (program := chromium(running)):
            pytest.skip("no Chromium here; VIDEOCLIP_CHROMIUM names it")
        launched = running.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A folder of videos and the library of them."""
    base = tmp_path_factory.mktemp("filled")
    folder = base / "videos"
    (folder / "holiday").mkdir(parents=True)
    large = {"size": (320, 180), "codec": "libvpx"}
    paint(folder / "workshop.webm", ("white", 20), ("red", 8), ("white", 12), **large)
    (folder / "workshop.en.srt").write_text(
        "1\n00:00:01,000 --> 00:00:04,000\nwelcome to the workshop\n\n"
        "2\n00:00:21,000 --> 00:00:25,000\nnow we paint it\n\n3\n00:00:30,000 --> 00:00:34,000\nand let it dry\n"
    )
    paint(folder / "holiday" / "beach.webm", ("blue", 10), ("yellow", 10), ("red", 6), **large)
    paint(folder / "holiday" / "garden.webm", ("green", 12), ("purple", 8), **large)
    paint(folder / HOSTILE, ("purple", 10), ("red", 6), size=(320, 180))
    index([folder], base / "library", Painted(), encoder())
    return base


@pytest.fixture(scope="module")
def server(filled):
    running = Running(Library(filled / "library", Painted()))
    yield running
    running.stop()


def new_page(browser, **options):
    """In a context of its own; no machine is so slow that it needs the two minutes."""
    page = browser.new_page(**options)
    page.set_default_timeout(1000 * PATIENCE)
    return page


@pytest.fixture
def page(browser, server):
    opened = new_page(browser, viewport={"width": 1280, "height": 800})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(server.address)
    opened.wait_for_selector("#state h2")
    yield opened
    opened.close()
    assert not faults


@pytest.fixture
def shot(tmp_path):
    """Keep a picture of the page: in $VIDEOCLIP_SCREENSHOTS, or with the test's other files."""
    folder = Path(os.environ.get("VIDEOCLIP_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=str(folder / f"{name}.png"))


def search(page, text: str) -> None:
    page.fill("#query", text)
    page.keyboard.press("Enter")
    until(page, "!document.getElementById('summary').textContent.startsWith('Searching')")


def until(page, condition: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition; the page's own policy forbids it to evaluate text, as Playwright's way would."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def names(page) -> list[str]:
    return page.locator(".hit .name").all_text_contents()


def test_a_moment_is_found_and_played_from_its_second(page, shot):
    search(page, "something red")
    assert "workshop.webm" in names(page)
    until(page, "[...document.querySelectorAll('.hit img')].every(i => i.complete && i.naturalWidth)")
    shot(page, "search")
    page.evaluate("""() => { const video = document.getElementById('video');
        video.onplaying = () => { window.began ??= video.currentTime; }; }""")
    page.locator(".hit", has_text="workshop.webm").locator("button").first.click()
    until(page, "window.began !== undefined")
    assert 20 <= page.evaluate("window.began") < 24
    page.evaluate("document.getElementById('video').pause()")
    page.evaluate("document.getElementById('video').currentTime = 22")
    until(page, "document.querySelector('#transcript .now')?.textContent.includes('now we paint it')")
    assert "· fits here" in page.locator("#where").text_content()
    page.wait_for_timeout(300)
    shot(page, "player")


def test_a_share_is_shown_where_the_library_knows_one(page):
    def knowing(route):
        answer = route.fetch().json()
        answer["hits"][0]["sure"] = 0.314
        route.fulfill(json=answer)

    page.route("**/api/search?*", knowing)
    search(page, "red")
    first, *others = page.locator(".hit .sure").all_text_contents()
    assert first == "seen, 31 % sure"
    assert set(others) == {"seen"}


def test_the_timeline_shows_where_it_fits_and_leads_there(page):
    search(page, "red")
    page.locator(".hit", has_text="workshop.webm").locator("button").first.click()
    until(page, "document.getElementById('where').textContent.includes('fit')")
    until(page, "document.getElementById('video').readyState >= 2")
    page.evaluate("document.getElementById('video').pause()")
    reds = """() => { const c = document.getElementById('timeline'), w = c.width, h = c.height,
        d = c.getContext('2d').getImageData(0, Math.floor(h / 2), w, 1).data;
        return [0.1, 0.6, 0.9].map(x => d[4 * Math.floor(x * w) + 3]); }"""
    before, inside, after = page.evaluate(reds)
    assert inside > 150 > max(before, after)
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    until(page, "Math.abs(document.getElementById('video').currentTime - 10) < 1")
    page.locator("#transcript button", has_text="and let it dry").click()
    until(page, "Math.abs(document.getElementById('video').currentTime - 30) < 1")


def test_hovering_previews_a_moment(page):
    search(page, "red")
    page.locator(".hit", has_text="workshop.webm").locator("button").first.hover()
    page.wait_for_selector(".picture video")
    until(page, "document.querySelector('.picture video')?.currentTime >= 20")
    page.mouse.move(5, 5)
    page.wait_for_selector(".picture video", state="detached")


def test_filters_narrow_and_are_kept_in_the_address(page, filled):
    page.click("#show-filters")
    page.select_option("[name=folder]", str((filled / "videos" / "holiday").resolve()))
    search(page, "red")
    narrowed = names(page)
    assert narrowed[0] == "beach.webm"
    assert "workshop.webm" not in narrowed
    page.reload()
    page.wait_for_selector(".hit")
    assert names(page) == narrowed
    assert page.input_value("#query") == "red"
    page.click("#show-filters")
    page.fill("[name=longest]", "0.1")
    page.keyboard.press("Tab")
    page.wait_for_selector("#state h2")
    assert "No video fits these filters" in page.locator("#state").text_content()
    page.click("text=Remove them")
    page.wait_for_selector(".hit")
    assert "workshop.webm" in names(page)
    page.go_back()
    page.wait_for_selector("#state h2")


def test_a_hit_says_why_and_each_way_can_be_switched_off(page):
    search(page, "let it dry")
    card = page.locator(".hit", has_text="workshop.webm").first
    assert "said" in card.locator(".sure").text_content()
    assert card.locator(".reason mark").all_text_contents() == ["let", "dry"]
    page.click("#show-filters")
    page.uncheck("[data-way=speech]")
    until(page, "location.search.includes('mode=sight%2Cwritten')")
    until(page, "![...document.querySelectorAll('.sure')].some((e) => e.textContent.includes('said'))")
    page.uncheck("[data-way=sight]")
    page.uncheck("[data-way=written]")
    until(page, "document.getElementById('state').textContent.includes('at least one of seen, said and written')")
    page.goto(f"{page.url.partition('?')[0]}?q=let+it+dry&mode=both")  # of an earlier version
    page.wait_for_selector(".hit")
    assert all(page.is_checked(f"[data-way={way}]") for way in ("sight", "speech", "written"))


def test_the_transcript_is_searched_in_the_player_and_can_be_kept(page, shot):
    search(page, "something red")
    page.locator(".hit", has_text="workshop.webm").locator("button").first.click()
    page.wait_for_selector("#find-text")
    page.fill("#find-text", "painting")
    until(page, "document.querySelector('#transcript mark')?.textContent === 'paint'")
    assert page.text_content("#find-count") == "0 of 1"
    page.press("#find-text", "Enter")
    until(page, "document.querySelector('#transcript .here')?.textContent.includes('now we paint it')")
    assert page.text_content("#find-count") == "1 of 1"
    assert page.evaluate("document.getElementById('video').currentTime") >= 20
    shot(page, "transcript")
    page.fill("#find-text", "elephant")
    until(page, "document.getElementById('find-count').textContent === 'not said'")
    assert page.locator("#transcript mark").count() == 0
    with page.expect_download() as saved:
        page.click("#captions a[data-form=vtt]")
    assert saved.value.suggested_filename == "workshop.vtt"
    assert "now we paint it" in Path(saved.value.path()).read_text()


def test_languages_are_named_and_counted(page):
    page.click("#show-filters")
    until(page, "document.querySelector('[name=language]').options.length === 2")
    assert page.locator("[name=language] option").all_text_contents() == ["any language", "English · 1"]


def test_more_like_this(page):
    search(page, "yellow")
    page.locator(".hit button", has_text="More like this").first.click()
    until(page, "document.getElementById('summary').textContent.includes('like beach.webm')")
    assert names(page)[0] == "beach.webm"


def test_everything_can_be_done_by_keyboard(page):
    page.locator("body").click(position={"x": 5, "y": 400})
    page.keyboard.press("/")
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    page.wait_for_selector(".hit")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    focused = "document.activeElement.closest('.hit') === document.getElementById('hits').children[%d]"
    until(page, focused % 1)
    page.keyboard.press("Enter")
    page.wait_for_selector("#player[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#player", state="hidden")
    until(page, focused % 1)
    page.keyboard.press("m")
    until(page, "document.getElementById('summary').textContent.includes('like ')")


def test_a_hostile_file_name_is_only_a_name(page, shot):
    search(page, "purple")
    assert HOSTILE in names(page)
    page.locator(".hit", has_text="onerror").locator("button").first.click()
    page.wait_for_selector("#player[open]")
    assert page.locator("#title").text_content() == HOSTILE
    page.wait_for_timeout(300)
    assert page.title() == "videoclip"
    shot(page, "hostile-name")


def test_narrow_screens_and_dark_ones(browser, server, shot):
    page = new_page(browser, viewport={"width": 390, "height": 780}, color_scheme="dark", has_touch=True)
    page.goto(server.address)
    search(page, "red")
    until(page, "[...document.querySelectorAll('.hit img')].slice(0, 2).every(i => i.complete)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    shot(page, "phone")
    page.locator(".hit button").first.click()
    page.wait_for_selector("#transcript li")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "phone-player")
    page.close()


def test_what_is_not_there_is_said_with_a_way_on(page, shot):
    search(page, "an elephant plays the trumpet")
    assert "Nothing found" in page.locator("#state").text_content()
    shot(page, "nothing")
    page.click("text=Show what comes closest")
    page.wait_for_selector(".hit")


def test_a_missing_file_says_what_to_do(page, filled):
    path = filled / "videos" / "holiday" / "garden.webm"
    search(page, "green")
    path.rename(filled / "away.webm")
    try:
        page.locator(".hit", has_text="garden.webm").locator("button").first.click()
        page.wait_for_selector("#broken:not([hidden])")
        assert "The file is gone" in page.locator("#broken").text_content()
    finally:
        (filled / "away.webm").rename(path)


def test_indexing_is_shown_while_it_goes_on(page, filled):
    told = note_state(filled / "library")
    told({"stage": "indexing", "done": 3, "total": 9, "current": "new.mp4", "left": "0:10", "set_aside": {"x": "bad"}})
    try:
        page.wait_for_selector("#indexing:not([hidden])")
        text = page.locator("#indexing").text_content()
        assert all(part in text for part in ("3 of 9", "0:10 left", "new.mp4", "1 set aside"))
    finally:
        told({"stage": "idle"})
    page.wait_for_selector("#indexing", state="hidden")


def test_a_server_that_restarts_is_found_again(browser, filled):
    running = Running(Library(filled / "library", Painted()))
    page = new_page(browser)
    page.goto(running.address)
    search(page, "red")
    running.stop()
    page.fill("#query", "yellow")
    page.keyboard.press("Enter")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "tries again by itself" in page.locator("#trouble").text_content()
    running.start()
    until(page, "document.getElementById('summary').textContent.includes('yellow')")
    page.wait_for_selector("#trouble", state="hidden")
    page.close()
    running.stop()


def test_an_empty_library_says_how_to_fill_it(browser, tmp_path, shot):
    folder = tmp_path / "videos"
    folder.mkdir()
    path = paint(folder / "a.mp4", ("red", 3))
    index([folder], tmp_path / "library", Painted(), encoder())
    path.unlink()
    index([folder], tmp_path / "library", Painted(), encoder(), IndexOptions(prune=True))
    running = Running(Library(tmp_path / "library", Painted()))
    page = new_page(browser)
    page.goto(running.address)
    page.wait_for_selector("#state h2")
    assert "videoclip index" in page.locator("#state").text_content()
    shot(page, "empty")
    page.close()
    running.stop()


def test_the_guide_can_show_a_search_and_the_player(browser, filled, shot):
    """``VIDEOCLIP_DEMO=runs/demo VIDEOCLIP_SCREENSHOTS=docs/images pytest tests/serve -k guide`` makes its pictures."""
    demo = os.environ.get("VIDEOCLIP_DEMO")
    running = Running(Library(Path(demo) / "library") if demo else Library(filled / "library", Painted()))
    page = new_page(browser, viewport={"width": 1180, "height": 720})
    page.goto(running.address)
    search(page, "pour a green bottle" if demo else "red")
    page.wait_for_selector(".hit")
    until(page, "[...document.querySelectorAll('.hit img')].slice(0, 6).every(i => i.complete && i.naturalWidth)")
    shot(page, "search")
    page.locator(".hit", has_text="" if demo else "workshop.webm").locator("button").first.click()
    page.wait_for_selector("#transcript .now")
    until(page, "document.getElementById('where').textContent.includes('fit')")
    page.wait_for_timeout(1500 if demo else 0)
    shot(page, "player")
    page.close()
    running.stop()
