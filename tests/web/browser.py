"""A browser that notices: console errors, page errors, failed requests, strangers' addresses.

What a page has asked for and the visitor did not wait for, because the next page was asked for
meanwhile, is cut off by the browser itself: leaving is no fault of the page that was left.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Frame,
    Page,
    Request,
    Response,
    StorageState,
)

OURS = frozenset({"127.0.0.1", "localhost"})
SCREENSHOTS = Path(__file__).resolve().parent.parent / "screenshots"
CUT_OFF = "net::ERR_ABORTED"  # by the browser, or by the page itself
LIGHT, DARK = "light", "dark"
WIDE, PHONE = 1280, 390
LOOKS = [(LIGHT, WIDE), (LIGHT, PHONE), (DARK, WIDE), (DARK, PHONE)]


@dataclass  # without slots: Playwright notes its handlers on it
class Visitor:
    """One person with one window. `faults` is what went wrong on any page so far."""

    page: Page
    base_url: str
    look: str
    faults: list[str] = field(default_factory=list)
    _under_way: set[Request] = field(default_factory=set)  # by the page that is shown
    _left: set[Request] = field(default_factory=set)  # by a page that is being left, or was
    _leaving: bool = False  # from asking for the next page until it is there

    def visit(self, path: str) -> None:
        self.page.goto(self.base_url + path, wait_until="networkidle")

    def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.look}.png", full_page=True)

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def focus_outline(self) -> float:
        """Width in pixels of the outline or ring around what has the focus; 0 where none shows."""
        width: float = self.page.evaluate(
            """() => {
              const style = getComputedStyle(document.activeElement);
              const outline = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
              return Math.max(outline, style.boxShadow === "none" ? 0 : 1);
            }"""
        )
        return width

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        self.page.on("request", self._request)
        self.page.on("requestfinished", self._finished)
        self.page.on("requestfailed", self._failed)
        self.page.on("framenavigated", self._arrived)
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in OURS:
            self.faults.append(f"asked a stranger: {request.url}")
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self._leaving = True
            self._left |= self._under_way
            self._under_way.clear()
        elif self._leaving:
            self._left.add(request)
        else:
            self._under_way.add(request)

    def _finished(self, request: Request) -> None:
        self._under_way.discard(request)

    def _failed(self, request: Request) -> None:
        self._under_way.discard(request)
        if request.is_navigation_request():  # the page stays
            self._leaving = False
        if request not in self._left or request.failure != CUT_OFF:
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _arrived(self, frame: Frame) -> None:
        if frame == self.page.main_frame:
            self._leaving = False

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")


def visitor(
    browser: Browser,
    base_url: str,
    *,
    scheme: str = LIGHT,
    width: int = WIDE,
    storage_state: StorageState | None = None,
) -> Visitor:
    """A new person; without a state of storage nothing is remembered."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        storage_state=storage_state,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(60_000)
    new = Visitor(context.new_page(), base_url, f"{scheme}-{width}")
    new.watch()
    return new
