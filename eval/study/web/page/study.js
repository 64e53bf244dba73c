// The rater's page: both videos from memory, in step, in a loop; one answer a pair, on the server before the next.
"use strict";

const $ = (id) => document.getElementById(id);
const SCREENS = ["welcome", "question", "feedback", "done", "forgotten", "trouble"];
const MAX_RATE_CHANGE = 0.08; // of playback, to bring sides back in step
const STEP_TOLERANCE_MS = 10;
const CATCH_UP_MS = 400;
const BELOW_VIDEOS = 190; // CSS pixels that text and buttons need
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

let csrf = "enter";
let study = null;
let question = null; // the one shown
let player = null;
let choosing = false;
let refreshHz = 0;

// --- talking to the server ---

async function request(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json", "x-mgv-csrf": csrf },
    body: JSON.stringify(body),
  };
  for (let attempt = 0; ; attempt++) {
    let response = null;
    try {
      response = await fetch(path, options);
    } catch {
      say("No connection; trying again…");
    }
    if (response && response.status < 500 && ![425, 429].includes(response.status)) return response;
    if (attempt >= 60) throw new Error("The server does not answer. Your answers so far are saved.");
    await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
}

async function ask(path, body) {
  const response = await request(path, body);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  csrf = answer.csrf ?? csrf;
  study = answer.study ?? study;
  if (answer.rater) $("rater").textContent = answer.rater;
  return answer;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// --- screens ---

function show(name) {
  for (const screen of SCREENS) $(screen).hidden = screen !== name;
  $("privacy").hidden = !(name === "done" || (name === "welcome" && csrf !== "enter"));
}

function say(text) { $("status").textContent = text; }

function trouble(error) {
  if (player) player.stop();
  $("trouble-text").textContent = error.message;
  show("trouble");
}

function welcome() {
  document.title = $("title").textContent = study.title;
  $("instructions").textContent = study.instructions;
  $("num-questions").textContent = study.questions;
  $("num-training").textContent = study.training;
  $("training-words").hidden = !study.training;
  $("tie-words").hidden = !study.allow_ties;
  $("reference-words").hidden = !study.allow_reference;
  show("welcome");
  checkScreen();
}

async function go(answer) {
  document.title = study.title;
  if (answer.phase === "question") {
    if (answer.feedback !== undefined) return giveFeedback(answer);
    return showQuestion(answer.question);
  }
  if (player) player.stop();
  if (answer.phase === "done" || answer.phase === "forgotten") return show(answer.phase);
  return welcome();
}

function giveFeedback(answer) {
  const last = !answer.question.training;
  $("feedback-title").textContent = answer.feedback ? "Right" : "Look again";
  $("feedback-text").textContent = (answer.feedback ? "That was the better one." : "The other one was better.")
    + (last ? " Practice is over: from now on your answers count, and differences may be small." : "");
  if (player) player.stop();
  show("feedback");
  $("continue").onclick = () => showQuestion(answer.question).catch(trouble);
  $("continue").focus();
}

// --- the screen of the rater ---

function deviceWidth() { return Math.round(window.innerWidth * window.devicePixelRatio); }

function checkScreen() {
  if ($("welcome").hidden) return;
  const needed = Math.ceil(2 * study.widest * study.scale);
  const fits = deviceWidth() >= needed;
  $("screen-words").hidden = fits;
  $("screen-words").textContent = `Your window is ${deviceWidth()} pixels wide; the two videos need ${needed}. `
    + "Please make it larger or go to full screen.";
  $("begin").disabled = !fits && study.must_fit;
}

async function measureRefresh() {
  const times = [];
  await new Promise((resolve) => {
    const tick = (now) => {
      times.push(now);
      if (times.length < 40) requestAnimationFrame(tick); else resolve();
    };
    requestAnimationFrame(tick);
  });
  const gaps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  refreshHz = Math.round(10000 / gaps[Math.floor(gaps.length / 2)]) / 10;
}

// --- playing in step ---

// Plays videos from memory in step: all start together, the others follow the first by small changes of rate, and
// each round begins when the last has ended.
class Player {
  constructor(videos) {
    this.videos = videos;
    this.leads = [];
    this.apart = []; // how far from the first, in ms, of every frame compared
    this.facts = { desync_ms: 0, desync_max_ms: 0, frames_compared: 0, plays: 0, times_hidden: 0, reference_seconds: 0 };
    this.clocks = videos.map(() => null);
    this.running = true;
    this.urls = [];
    this.droppedBefore = videos.map(() => 0);
    this.onVisibility = () => { if (document.hidden) this.facts.times_hidden++; else this.restart(); };
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  async load(keys) {
    const blobs = await Promise.all(keys.map(async (key) => {
      const response = await request("/media/" + key);
      if (!response.ok) throw new Error("A video can't be loaded.");
      return response.blob();
    }));
    await Promise.all(this.videos.map((video, index) => new Promise((resolve, reject) => {
      this.urls.push(URL.createObjectURL(blobs[index]));
      video.oncanplaythrough = () => { video.oncanplaythrough = null; resolve(); };
      video.onerror = () => reject(new Error("This browser can't play the videos of this study."));
      video.loop = false;
      video.preload = "auto";
      video.src = this.urls.at(-1);
      video.load();
    })));
  }

  play(onFirstPlay) {
    this.onFirstPlay = onFirstPlay;
    this.videos.forEach((video, index) => {
      this.droppedBefore[index] = video.getVideoPlaybackQuality().droppedVideoFrames;
      video.onended = () => { if (this.running && this.videos.every((one) => one.ended)) this.round(); };
      video.onpause = () => { if (this.running && !video.ended && !document.hidden && !this.seeking) video.play().catch(() => {}); };
      this.watch(video, index);
    });
    return this.start();
  }

  start() {
    this.clocks.fill(null);
    this.isFirst = this.videos.map(() => true);
    this.leads = [];
    this.videos.forEach((video) => { video.playbackRate = 1; });
    return Promise.all(this.videos.map((video) => video.play()));
  }

  round() {
    this.facts.plays++;
    if (this.facts.plays === 1) this.onFirstPlay();
    this.restart();
  }

  async restart() {
    if (!this.running || this.seeking) return;
    this.seeking = true;
    await Promise.all(this.videos.map((video) => new Promise((resolve) => {
      video.pause();
      video.onseeked = () => { video.onseeked = null; resolve(); };
      video.currentTime = 0;
    })));
    this.seeking = false;
    if (this.running) this.start().catch(() => {});
  }

  watch(video, index) {
    video.requestVideoFrameCallback((now, frame) => {
      if (!this.running) return;
      if (!video.paused && !this.seeking) {
        // The first frame was on the screen before the clock ran: it tells nothing.
        if (!this.isFirst[index]) this.clocks[index] = frame.mediaTime * 1000 - frame.expectedDisplayTime;
        this.isFirst[index] = false;
        if (index > 0) this.compare(index);
      }
      this.watch(video, index);
    });
  }

  // How far a video is ahead of the first, as frames reach the screen; which frame falls on which refresh makes single
  // values jump, so the rate follows the median of a few.
  compare(index) {
    if (this.clocks[0] === null || this.clocks[index] === null) return;
    const lead = this.clocks[index] - this.clocks[0];
    this.apart.push(Math.abs(lead));
    const leads = this.leads[index] ??= [];
    leads.push(lead);
    if (leads.length > 5) leads.shift();
    const middle = [...leads].sort((a, b) => a - b)[Math.floor(leads.length / 2)];
    const change = Math.abs(middle) < STEP_TOLERANCE_MS ? 0 : middle / CATCH_UP_MS;
    const rate = 1 - Math.max(-MAX_RATE_CHANGE, Math.min(MAX_RATE_CHANGE, change));
    if (Math.abs(this.videos[index].playbackRate - rate) > 0.004) this.videos[index].playbackRate = rate;
  }

  report() {
    const apart = [...this.apart].sort((a, b) => a - b);
    this.facts.frames_compared = apart.length;
    this.facts.desync_ms = Math.round(10 * (apart[Math.floor(apart.length * 0.95)] ?? 0)) / 10;
    this.facts.desync_max_ms = Math.round(10 * (apart.at(-1) ?? 0)) / 10;
    this.facts.dropped_frames = this.videos.slice(0, 2).reduce((sum, video, index) =>
      sum + video.getVideoPlaybackQuality().droppedVideoFrames - this.droppedBefore[index], 0);
    return this.facts;
  }

  stop() {
    this.running = false;
    document.removeEventListener("visibilitychange", this.onVisibility);
    for (const video of this.videos) {
      video.onended = video.onpause = video.onseeked = video.onerror = null;
      video.pause();
      video.removeAttribute("src");
      video.load();
    }
    this.urls.forEach((url) => URL.revokeObjectURL(url));
  }
}

// --- a question ---

async function showQuestion(next) {
  if (player) player.stop();
  question = next;
  choosing = false;
  setButtons(false);
  $("where").textContent = next.training ? `Practice ${next.number} of ${next.of}` : `Question ${next.number} of ${next.of}`;
  $("progress").max = next.of;
  $("progress").value = next.number - 1;
  $("choose-none").hidden = !study.allow_ties;
  $("pair").classList.add("away");
  say("Loading…");
  show("question");
  const videos = [$("left"), $("right"), ...(next.reference ? [$("reference")] : [])];
  $("reference").hidden = !next.reference;
  $("reference").classList.add("away");
  player = new Player(videos);
  const mine = player;
  fit();
  await mine.load([next.left, next.right, ...(next.reference ? [next.reference] : [])]);
  if (mine !== player) return;
  $("pair").classList.remove("away");
  say("Watch both to the end…");
  await mine.play(() => { if (mine === player && !choosing) { setButtons(true); say(""); } });
}

// Both sides at the study's scale, in device pixels; smaller, alike, where the window can't show that.
function fit() {
  if (!question || !player) return;
  const ratio = window.devicePixelRatio;
  const height = Math.max(80, window.innerHeight - BELOW_VIDEOS);
  const factor = Math.min(study.scale / ratio, window.innerWidth / 2 / question.width, height / question.height);
  $("pair").style.gap = `${Math.max(0, Math.min(12, window.innerWidth - 2 * question.width * factor))}px`;
  for (const video of player.videos) {
    video.style.width = `${question.width * factor}px`;
    video.style.height = `${question.height * factor}px`;
  }
  player.facts.scale = Math.round(factor * ratio * 1000) / 1000;
}

function setButtons(on) {
  for (const side of ["left", "right", "none"]) $("choose-" + side).disabled = !on;
}

async function choose(side) {
  if (choosing || $("choose-" + side).disabled || $("choose-" + side).hidden) return;
  choosing = true;
  setButtons(false);
  holdReference(false);
  say("Saving…");
  try {
    await go(await ask("/api/vote", { question: question.key, side, facts: player.report() }));
  } catch (error) {
    trouble(error);
  }
}

let heldSince = 0;

function holdReference(on) {
  if (!question || !question.reference || $("question").hidden || on === heldSince > 0) return;
  if (!on) player.facts.reference_seconds += Math.round((performance.now() - heldSince) / 10) / 100;
  heldSince = on ? performance.now() : 0;
  $("pair").classList.toggle("away", on);
  $("reference").classList.toggle("away", !on);
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen(); else document.documentElement.requestFullscreen().catch(() => {});
}

// --- wiring ---

async function start() {
  try {
    await go(await ask("/api/state"));
  } catch (error) {
    trouble(error);
  }
}

$("begin").onclick = async () => {
  $("begin").disabled = true;
  try {
    if (csrf === "enter") await ask("/api/enter", {});
    await measureRefresh();
    await go(await ask("/api/begin", {
      width_device_pixels: deviceWidth(),
      height_device_pixels: Math.round(window.innerHeight * window.devicePixelRatio),
      device_pixel_ratio: window.devicePixelRatio,
      refresh_hz: refreshHz,
    }));
  } catch (error) {
    trouble(error);
  }
};
$("retry").onclick = start;
for (const side of ["left", "right", "none"]) $("choose-" + side).onclick = () => choose(side);
for (const button of document.querySelectorAll(".fullscreen")) button.onclick = toggleFullscreen;
$("forget").onclick = async () => {
  if (!confirm("Delete all your answers? This can't be undone.")) return;
  try {
    await go(await ask("/api/forget", {}));
    csrf = "enter";
  } catch (error) {
    trouble(error);
  }
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key === "f" || event.key === "F") toggleFullscreen();
  if ($("question").hidden) return;
  const side = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "none" }[event.key];
  if (side || event.key === " ") event.preventDefault();
  if (side) choose(side);
  if (event.key === "r" || event.key === "R") holdReference(true);
});
document.addEventListener("keyup", (event) => { if (event.key === "r" || event.key === "R") holdReference(false); });
document.addEventListener("contextmenu", (event) => { if (!$("question").hidden) event.preventDefault(); });
window.addEventListener("blur", () => holdReference(false));
window.addEventListener("resize", () => { fit(); if (study) checkScreen(); });
if ("mediaSession" in navigator) {
  for (const action of ["play", "pause", "stop", "seekbackward", "seekforward", "seekto"]) {
    try { navigator.mediaSession.setActionHandler(action, () => {}); } catch { /* not known here */ }
  }
}
start();
