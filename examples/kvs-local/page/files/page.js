// SPDX-License-Identifier: LGPL-2.1-or-later
// Shows what kvs-local has. Names, tags and messages come from outside: they go into the page as
// text, never as markup.
"use strict";

const POLL_MS = 2000;
// kvs-local makes no live session for a stream that got nothing for so long
const LIVE_MS = 30000;
const CLICK_PLAYS_MS = 3600000;
const SVG = "http://www.w3.org/2000/svg";

const $ = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function draw(parent, tag, className, attributes) {
  const element = document.createElementNS(SVG, tag);
  element.setAttribute("class", className);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
}

async function ask(path, query) {
  const answer = await fetch("/kvs-local/" + path + "?" + new URLSearchParams(query));
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.Message || data.message || "status " + answer.status);
  return data;
}

// ---- numbers as text ----

const clock = (ms) => new Date(ms).toLocaleTimeString();
const moment = (ms) => new Date(ms).toLocaleString();

function duration(ms) {
  const s = Math.round(ms / 1000);
  if (s < 60) return (ms < 10000 ? (ms / 1000).toFixed(1) : s) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

function rate(bytes) {
  const bits = bytes * 8;
  if (bits >= 1e6) return (bits / 1e6).toFixed(1) + " Mbit/s";
  return (bits / 1e3).toFixed(bits && bits < 1e4 ? 1 : 0) + " kbit/s";
}

// What a datetime-local input holds: the time here, without a zone
function toInput(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

// ---- playing ----

class Player {
  constructor(video, note) {
    this.video = video;
    this.note = note;
    this.turn = 0;
    this.isPlaying = false;
    video.addEventListener("error", () => {
      if (this.isPlaying && !this.hls) this.fail("The video cannot be played.");
    });
  }

  stop() {
    this.turn++;
    this.isPlaying = false;
    if (this.hls) this.hls.destroy();
    this.hls = null;
    this.video.removeAttribute("src");
    this.video.load();
  }

  fail(text) {
    this.stop();
    this.note.textContent = text;
  }

  async play(query) {
    this.stop();
    const turn = this.turn;
    this.isPlaying = true;
    this.note.textContent = "";
    try {
      const answer = await ask("session", query);
      if (turn !== this.turn) return;
      // the address to be used from elsewhere may have another name than the page
      const url = new URL(answer.HLSStreamingSessionURL);
      this.load(location.origin + url.pathname + url.search);
      await this.video.play();
    } catch (error) {
      // play() is also interrupted by the next stop()
      if (turn === this.turn && error.name !== "AbortError") this.fail(error.message);
    }
  }

  load(url) {
    if (window.Hls && Hls.isSupported()) {
      this.hls = new Hls({ enableWorker: false, backBufferLength: 60 });
      this.hls.on(Hls.Events.ERROR, (_, data) => {
        if (data.fatal) this.fail("Playing ended: " + data.details);
      });
      this.hls.loadSource(url);
      this.hls.attachMedia(this.video);
    } else if (this.video.canPlayType("application/vnd.apple.mpegurl")) {
      this.video.src = url;
    } else {
      throw new Error("This browser plays no HLS by itself, and kvs-local has no hls.js: see --hls-js.");
    }
  }

  // The moment that is on the screen, in ms, where it is known
  get shown() {
    return this.hls && this.hls.playingDate ? this.hls.playingDate.getTime() : null;
  }
}

// ---- all streams ----

const cards = new Map();

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = cards.get(entry.target.dataset.name);
    if (card) card.isVisible = entry.isIntersecting;
    if (card && !card.isVisible) card.player.stop();
  }
});

class Card {
  constructor(name) {
    this.element = make("a", "card");
    this.element.href = "#" + encodeURIComponent(name);
    this.element.dataset.name = name;
    const screen = make("div", "screen");
    const video = make("video");
    const note = make("p", "note");
    video.muted = video.playsInline = true;
    screen.append(video, note);
    const body = make("div", "body");
    const line = make("div", "row");
    this.badge = make("span", "badge");
    line.append(make("span", "name", name), this.badge);
    this.facts = make("div", "quiet small");
    body.append(line, this.facts);
    this.element.append(screen, body);
    this.player = new Player(video, note);
    this.note = note;
    this.isVisible = false;
  }

  update(stream, now) {
    const state = stateOf(stream, now);
    setBadge(this.badge, state);
    this.facts.textContent = stream.producer[1]
      ? rate(stream.bytes_per_second) + " · " + lastText(stream, now)
      : "no media yet";
    if (!state.isLive) {
      if (!this.player.isPlaying) this.note.textContent = stream.producer[1] ? "not live" : "no media yet";
    } else if (this.isVisible && !this.player.isPlaying && stream.newest !== this.tried) {
      // once for each new fragment: the first ones may not do yet
      this.tried = stream.newest;
      this.player.play({ name: stream.name });
    }
  }
}

function stateOf(stream, now) {
  const isLive = stream.newest_ms !== undefined && now - stream.newest_ms < LIVE_MS;
  if (!stream.is_active) return { isLive, className: "idle", text: "creating" };
  if (isLive) return { isLive, className: "live", text: "live" };
  return { isLive, className: "idle", text: stream.n_producers ? "connected" : "idle" };
}

function setBadge(badge, state) {
  badge.className = "badge " + state.className;
  badge.textContent = state.text;
}

function lastText(stream, now) {
  const age = Math.max(0, now - stream.newest_ms);
  return age < LIVE_MS ? "up to date" : "last media " + duration(age) + " ago";
}

async function updateOverview() {
  const data = await ask("streams", {});
  const names = new Set(data.streams.map((stream) => stream.name));
  $("about").textContent = data.region + " · version " + data.version;
  $("empty").hidden = data.streams.length > 0;
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.player.stop();
    card.element.remove();
    cards.delete(name);
  }
  data.streams.forEach((stream, i) => {
    let card = cards.get(stream.name);
    if (!card) {
      card = new Card(stream.name);
      cards.set(stream.name, card);
      $("cards").insertBefore(card.element, $("cards").children[i] || null);
      seen.observe(card.element);
    }
    card.update(stream, data.now_ms);
  });
  $("refusals-panel").hidden = data.refusals.length === 0;
  fill($("refusals"), 5, data.refusals, (one) =>
    [clock(one.time_ms), one.path, one.status, one.error, one.message]);
}

const filled = new WeakMap();

// A table that says the same as before stays as it is: somebody may be selecting text in it.
function fill(body, columns, list, toCells, toClass) {
  const text = JSON.stringify(list);
  if (filled.get(body) === text) return;
  filled.set(body, text);
  const rows = list.map((one) => {
    const row = make("tr", toClass ? toClass(one) : "");
    row.append(...toCells(one).map((text) => make("td", "", text)));
    return row;
  });
  if (rows.length === 0) {
    const cell = make("td", "empty", "none");
    cell.colSpan = columns;
    rows.push(make("tr"));
    rows[0].append(cell);
  }
  body.replaceChildren(...rows);
}

// ---- one stream ----

let stream = null;     // what is known of the one that is shown
let now = 0;           // on kvs-local's clock
let windowMs = 600000; // how much the timeline shows; 0 for all
let endMs = null;      // where it ends; null follows the stream
let chosen = null;     // [from, to] that is played, null for live media
let spans = [];
const player = new Player($("player"), $("note"));

const kind = () => $("kind").value;

function view() {
  const [first, last] = stream[kind()];
  if (windowMs === 0 && last) return [first, Math.max(last, first + 1000)];
  const to = endMs || (last && now - last > LIVE_MS ? last : Math.max(now, last));
  return [Math.max(0, to - (windowMs || 600000)), to];
}

async function updateStream() {
  const name = shownName();
  const data = await ask("stream", { name });
  if (name !== shownName()) return;
  const isNew = stream === null || stream.arn !== data.arn;
  stream = data;
  now = data.now_ms;
  if (isNew) startStream();
  const state = stateOf(data, now);
  setBadge($("state"), state);
  $("facts").textContent = data.producer[1] ? lastText(data, now) : "no media yet";
  $("rate").textContent = rate(data.bytes_per_second);
  drawRates();
  fillProperties();
  fill($("acks"), 4, data.acks, (ack) => [clock(ack.time_ms), ack.error || ack.type, ack.timecode || "", ack.number || ""],
    (ack) => ack.type === "ERROR" ? "error" : "");
  fill($("errors"), 4, data.errors, (ack) => [moment(ack.time_ms), ack.error_id + " " + ack.error, ack.timecode || "", ack.number || ""],
    () => "error");
  if (state.isLive && !chosen && !player.isPlaying && data.newest !== player.tried) {
    player.tried = data.newest;
    playLive();
  }
  await updateTimeline();
}

function startStream() {
  $("name").textContent = stream.name;
  document.title = stream.name + " · kvs-local";
  player.stop();
  player.tried = null;
  chosen = null;
  endMs = null;
  $("note").textContent = stream.producer[1] ? "Nothing live. Choose a range below." : "no media yet";
  $("playing").textContent = "";
  $("go-live").setAttribute("aria-pressed", "false");
  const [from, to] = view();
  $("from").value = toInput(Math.max(from, stream[kind()][0]));
  $("to").value = toInput(stream[kind()][1] || to);
}

function fillProperties() {
  const list = [["Retention", stream.retention_hours ? duration(stream.retention_hours * 3600000) : "none"],
    ["Media type", stream.media_type], ["Device", stream.device_name],
    ["Created", moment(stream.creation_ms)], ["ARN", stream.arn],
    ["Producers", stream.n_producers], ["GetMedia readers", stream.n_readers],
    ...Object.entries(stream.tags).map(([key, value]) => ["Tag " + key, value])];
  $("properties").replaceChildren(...list.filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => [make("dt", "", key), make("dd", "", value)]));
}

function drawRates() {
  const top = Math.max(1, ...stream.rates);
  $("rates").replaceChildren();
  stream.rates.forEach((bytes, i) => {
    const height = bytes / top * 40;
    draw($("rates"), "rect", "bar", { x: i + 0.1, y: 40 - height, width: 0.8, height });
  });
}

function playLive() {
  chosen = null;
  $("playing").textContent = "";
  $("go-live").setAttribute("aria-pressed", "true");
  player.play({ name: stream.name });
  drawTimeline();
}

function playRange(from, to) {
  chosen = [from, to];
  $("from").value = toInput(from);
  $("to").value = toInput(to);
  $("go-live").setAttribute("aria-pressed", "false");
  $("playing").textContent = moment(from) + " – " + moment(to);
  player.play({ name: stream.name, time: kind(), from, to });
  drawTimeline();
}

// ---- the timeline ----

async function updateTimeline() {
  const [from, to] = view();
  const name = stream.name;
  const data = await ask("timeline", { name, time: kind(), from: Math.floor(from), to: Math.ceil(to) });
  if (!stream || name !== stream.name) return;
  spans = data.spans;
  drawTimeline();
  listGaps();
}

// Between the oldest and the newest fragment
function gaps() {
  const [from, to] = view();
  const [first, last] = stream[kind()];
  const list = [];
  let at = Math.max(from, first);
  for (const [start, end] of [...spans, [Math.min(to, last), 0]]) {
    if (start - at >= 1) list.push([at, start]);
    at = Math.max(at, end);
  }
  return list.filter(([start, end]) => end - start >= 1000);
}

function drawTimeline() {
  const [from, to] = view();
  const x = (ms) => (ms - from) / (to - from) * 1000;
  const bar = (className, start, end, least) => {
    const left = Math.max(0, x(start));
    const width = Math.max(least, Math.min(1000, x(end)) - left);
    draw($("timeline"), "rect", className, { x: left, y: 0, width, height: 100 });
  };
  $("timeline").replaceChildren();
  for (const [start, end] of gaps()) bar("gap", start, end, 0);
  for (const [start, end] of spans) bar("span", start, end, 1);
  const marked = dragged || chosen;
  if (marked) bar("chosen", marked[0], marked[1], 1);
  if (player.shown !== null) draw($("timeline"), "line", "head", { x1: x(player.shown), x2: x(player.shown), y1: 0, y2: 100 });
  const text = to - from > 86400000 ? moment : clock;
  $("ticks").replaceChildren(...[0, 1, 2, 3, 4].map((i) => make("span", "", text(from + (to - from) * i / 4))));
  for (const button of $("windows").children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.ms) === windowMs));
  }
}

function listGaps() {
  const list = gaps();
  const items = list.map(([start, end]) => make("li", "gap", moment(start) + " – " + clock(end) + " (" + duration(end - start) + ")"));
  $("gaps-title").textContent = list.length === 0 ? "No gaps in this time." : list.length + (list.length === 1 ? " gap" : " gaps") + " in this time:";
  $("gaps").replaceChildren(...items);
}

let dragged = null;

function momentAt(event) {
  const box = $("timeline").getBoundingClientRect();
  const [from, to] = view();
  const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  return Math.round(from + (to - from) * part);
}

$("timeline").addEventListener("pointerdown", (event) => {
  if (!stream || event.button !== 0) return;
  $("timeline").setPointerCapture(event.pointerId);
  dragged = [momentAt(event), momentAt(event)];
});

$("timeline").addEventListener("pointermove", (event) => {
  if (!dragged) return;
  dragged[1] = momentAt(event);
  drawTimeline();
});

$("timeline").addEventListener("pointerup", () => {
  if (!dragged) return;
  const [from, to] = dragged.sort((a, b) => a - b);
  const [shownFrom, shownTo] = view();
  dragged = null;
  if (to - from > (shownTo - shownFrom) / 200) playRange(from, to);
  else playRange(from, Math.max(from + 1000, Math.min(from + CLICK_PLAYS_MS, stream[kind()][1])));
});

$("timeline").addEventListener("pointercancel", () => { dragged = null; });

$("windows").addEventListener("click", (event) => {
  if (!stream || event.target.dataset.ms === undefined) return;
  windowMs = Number(event.target.dataset.ms);
  endMs = null;
  updateTimeline().catch(lostContact);
});

function move(direction) {
  if (!stream || windowMs === 0) return;
  const end = view()[1] + direction * windowMs / 2;
  const newest = Math.max(now, stream[kind()][1]);
  endMs = end >= newest ? null : Math.max(stream[kind()][0] + windowMs / 2, end);
  updateTimeline().catch(lostContact);
}

$("earlier").addEventListener("click", () => move(-1));
$("later").addEventListener("click", () => move(1));
$("kind").addEventListener("change", () => { if (stream) updateTimeline().catch(lostContact); });
$("go-live").addEventListener("click", () => { if (stream) playLive(); });
$("range").addEventListener("submit", (event) => {
  event.preventDefault();
  const from = new Date($("from").value).getTime();
  // the second that is named is played too
  const to = new Date($("to").value).getTime() + 999;
  if (stream && to > from) playRange(from, to);
  else $("note").textContent = "The range ends before it begins.";
});

$("player").addEventListener("timeupdate", () => {
  if (!stream) return;
  $("position").textContent = player.shown === null ? "" : moment(player.shown);
  drawTimeline();
});

// ---- which of both is shown ----

const shownName = () => decodeURIComponent(location.hash.slice(1));

function show() {
  const isDetail = shownName() !== "";
  $("overview").hidden = isDetail;
  $("detail").hidden = !isDetail;
  for (const card of cards.values()) card.player.stop();
  player.stop();
  stream = null;
  for (const card of cards.values()) card.tried = null;
  if (!isDetail) document.title = "kvs-local";
  poll();
}

function lostContact(error) {
  $("contact").hidden = false;
  $("contact").textContent = error instanceof TypeError ? "no answer from kvs-local" : error.message;
}

let timer = 0;

async function poll() {
  clearTimeout(timer);
  try {
    if (!document.hidden) await (shownName() === "" ? updateOverview() : updateStream());
    $("contact").hidden = true;
  } catch (error) {
    lostContact(error);
  }
  clearTimeout(timer);
  timer = setTimeout(poll, POLL_MS);
}

window.addEventListener("hashchange", show);
show();
