// What the page knows: rooms, messages, what is being sent, what has been read. No DOM.

function later(a, b) {
  if (a.posted_at !== b.posted_at) return Date.parse(a.posted_at) - Date.parse(b.posted_at);
  return a.id < b.id ? -1 : 1;
}

export class Model {
  constructor(person) {
    this.person = person;
    this.rooms = [];
    this.messages = new Map();
    this.sending = new Map(); // client id → the message as it will look
    this.read = readPositions(person.id);
  }

  // Takes a message from the stream or an answer; says what it was: new, edited, or known.
  take(message) {
    const known = this.messages.get(message.id);
    if (known && known.revision >= message.revision) return "known";
    this.messages.set(message.id, message);
    if (message.body.client_id && message.author === this.person.id) this.sending.delete(message.body.client_id);
    return known ? "edited" : "new";
  }

  roots(room) {
    return this.select((message) => message.room === room && !message.thread);
  }

  replies(root) {
    return this.select((message) => message.thread === root);
  }

  select(wanted) {
    return [...this.messages.values(), ...this.sending.values()].filter(wanted).sort(later);
  }

  unread(room) {
    const upTo = this.read[room] ?? 0;
    let count = 0;
    for (const message of this.messages.values()) {
      if (message.room === room && message.author !== this.person.id && message.revision === 1 && message.position > upTo) count += 1;
    }
    return count;
  }

  markRead(room, position) {
    if (position > (this.read[room] ?? 0)) {
      this.read[room] = position;
      try {
        localStorage.setItem(`guardia-read-${this.person.id}`, JSON.stringify(this.read));
      } catch {
        // Private windows may refuse; unread counts then start anew.
      }
    }
  }

  // Cards that still wait for an answer, newest first: requests for approval, and questions to
  // this person.
  waiting(room) {
    return this.select((m) => m.room === room && waits(m, m.thread ? this.replies(m.thread) : [m])
      && (!isQuestion(m) || this.askedOf(m) === this.person.id)).reverse();
  }

  // Whom a question in a thread answers: whoever spoke last before it.
  askedOf(question) {
    const before = this.select((m) => (m.id === question.thread || m.thread === question.thread) && m.author !== question.author && later(m, question) < 0);
    return before.at(-1)?.author ?? this.person.id;
  }
}

// Whether a card waits for an answer. A question does so until its thread has gone on; a request
// for approval until it is decided, and then it has no buttons any more.
export function waits(card, replies) {
  const buttons = card.body.buttons ?? [];
  if (card.body.tone !== "ask" || buttons.length === 0) return false;
  const newest = replies.findLast((one) => one.author === card.author && !one.private);
  return !isQuestion(card) || !newest || newest.id === card.id;
}

function isQuestion(card) {
  return card.body.buttons.every((one) => one.button === "choose");
}

function readPositions(person) {
  try {
    return JSON.parse(localStorage.getItem(`guardia-read-${person}`)) ?? {};
  } catch {
    return {};
  }
}
