// The live connection: hello with positions, messages, beats; comes back for ever with back-off.

const SILENCE_MS = 40_000;
const SIGNED_OUT = 4401;

export class Stream {
  constructor({ positions, onMessage, onReady, onState, onSignedOut }) {
    this.positions = positions;
    this.on = { message: onMessage, ready: onReady, state: onState, signedOut: onSignedOut };
    this.attempt = 0;
    this.stopped = false;
    this.retryNow = () => this.socket?.readyState !== WebSocket.OPEN && this.connect();
    addEventListener("online", this.retryNow);
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    if (this.stopped || this.socket?.readyState === WebSocket.CONNECTING) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/stream`);
    this.socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "hello", positions: this.positions }));
      this.hear();
    };
    socket.onmessage = (event) => {
      this.hear();
      this.take(JSON.parse(event.data));
    };
    socket.onclose = (event) => this.socket === socket && this.lost(event.code);
  }

  take(frame) {
    if (frame.type === "message") {
      this.positions[frame.room] = Math.max(this.positions[frame.room] ?? 0, frame.position);
      this.on.message(frame);
    } else if (frame.type === "ready") {
      Object.assign(this.positions, frame.positions);
      this.attempt = 0;
      this.on.state("live");
      this.on.ready();
    }
  }

  hear() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENCE_MS);
  }

  lost(code) {
    clearTimeout(this.silence);
    if (this.stopped) return;
    if (code === SIGNED_OUT) {
      this.on.signedOut();
      return;
    }
    this.on.state("lost");
    const wait = Math.min(8000, 400 * 2 ** this.attempt) * (0.6 + Math.random() * 0.8);
    this.attempt += 1;
    this.timer = setTimeout(() => this.connect(), wait);
    // A refused handshake looks like any other failure; only the session call tells them apart.
    if (this.attempt % 3 === 2) this.on.state("check");
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    removeEventListener("online", this.retryNow);
    this.socket?.close();
  }
}
