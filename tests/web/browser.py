"""A browser that notices: console errors, page errors, failed requests, strangers' addresses."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, StorageState

OURS = frozenset({"127.0.0.1", "localhost"})
SCREENSHOTS = Path(__file__).resolve().parent.parent / "screenshots"
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
        self.page.on("requestfailed", lambda r: self.faults.append(f"failed: {r.url} {r.failure}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in OURS:
            self.faults.append(f"asked a stranger: {request.url}")

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
    context.set_default_timeout(20_000)
    new = Visitor(context.new_page(), base_url, f"{scheme}-{width}")
    new.watch()
    return new
