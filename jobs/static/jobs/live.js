// Keeps a page in step with the server: a WebSocket, tried again with growing pauses, and
// polling for as long as there is none. Both bring the same JSON.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const POLL_MS = 2_000;
const SIGNED_OUT = 4401;
const GONE = 4404;

export class Live {
  #frame;
  #poll;
  #indicator;
  #address;
  #pause = FIRST_PAUSE_MS;
  #polling = null;
  #ended = false;
  #socket = null;

  /** `frame(message)` takes what the socket says; `poll()` asks over HTTP and shows it. */
  constructor({ path, frame, poll, indicator }) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#address = `${scheme}//${location.host}${path}`;
    this.#frame = frame;
    this.#poll = poll;
    this.#indicator = indicator;
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    addEventListener("online", () => this.#connectSoon(0));
    this.#connect();
  }

  /** Whether nothing is kept in step any more. */
  get ended() {
    return this.#ended;
  }

  stop() {
    this.#ended = true;
    this.#stopPolling();
    this.#socket?.close();
  }

  #connect() {
    if (this.#ended || this.#socket) return;
    this.#socket = new WebSocket(this.#address);
    this.#socket.addEventListener("message", (event) => this.#received(event));
    this.#socket.addEventListener("close", (event) => this.#closed(event));
  }

  #received(event) {
    this.#pause = FIRST_PAUSE_MS;
    this.#stopPolling();
    this.#say("live");
    this.#frame(JSON.parse(event.data));
  }

  #closed(event) {
    this.#socket = null;
    if (this.#ended) return;
    if (event.code === SIGNED_OUT || event.code === GONE) {
      this.#giveUp();
      return;
    }
    this.#startPolling();
    this.#connectSoon(this.#pause * (0.5 + Math.random()));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  #connectSoon(pause) {
    setTimeout(() => this.#connect(), pause);
  }

  #startPolling() {
    if (this.#polling !== null) return;
    this.#say("polling");
    const ask = async () => {
      const going = await this.#poll();
      if (!going) this.#giveUp();
      else if (this.#polling !== null) this.#polling = setTimeout(ask, POLL_MS);
    };
    this.#polling = setTimeout(ask, 0);
  }

  #stopPolling() {
    clearTimeout(this.#polling);
    this.#polling = null;
  }

  #giveUp() {
    this.stop();
    this.#say("ended");
  }

  #say(state) {
    if (this.#indicator.dataset.state === state) return;
    this.#indicator.dataset.state = state;
    this.#indicator.textContent = this.#indicator.dataset[state];
  }
}

/** GET as JSON; null while the server does not answer, false when it will not answer us again. */
export async function getJson(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if ([401, 403, 404].includes(answer.status)) return false;
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** The page at `url` as a document; null where it could not be had. */
export async function getPage(url) {
  try {
    const answer = await fetch(url);
    if (!answer.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null;
  }
}
