// The page of a library: a search box, moments, a player. What comes from the server is only ever put in as text.

const $ = (id) => document.getElementById(id);
const RETRY = 2000, PREVIEW_DELAY = 350;
let hits = [], chosen = null, query = "", like = null, request = 0, previewing = 0, sentences = [], scores = [];

function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

function clock(seconds) {
  const s = Math.floor(seconds), pad = (n) => String(n).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`;
}

class Trouble extends Error {}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Trouble("");
  }
  if (answer.status === 401) location.reload();  // the session has ended: the server shows the way in
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    const detail = Array.isArray(body.detail) ? body.detail.map((d) => d.msg).join("; ") : body.detail;
    throw new Error(detail || `the server answered ${answer.status}`);
  }
  return answer.json();
}

// Searching ---------------------------------------------------------------------------------------------------

const ways = () => [...$("filters").querySelectorAll("[data-way]")];

function filters() {
  const values = new URLSearchParams();
  for (const field of $("filters").querySelectorAll("select, input")) {
    if (!field.name || (field.type === "checkbox" ? !field.checked : !field.value)) continue;
    let value = field.value;
    if (field.name === "after") value = new Date(`${value}T00:00`).getTime() / 1000;
    if (field.name === "before") value = new Date(`${value}T23:59:59`).getTime() / 1000;
    if (field.name === "shortest" || field.name === "longest") value = 60 * value;
    values.set(field.name, value);
  }
  const chosen = ways().filter((way) => way.checked).map((way) => way.dataset.way);
  if (chosen.length < ways().length) values.set("mode", chosen.join(","));
  return values;
}

function parameters() {
  const values = filters();
  if (like) {
    values.set("like_video", like.video);
    values.set("like_start", like.start);
    values.set("like_end", like.end);
  } else {
    values.set("q", query);
  }
  return values;
}

async function search(remember = true) {
  if (!query && !like) return showStart();
  const mine = ++request, values = parameters();
  if (values.get("mode") === "") return show({ hits: [], note: "choose at least one of seen, said and written, under Filters" });
  if (remember) history.pushState({ query, like }, "", `?${values}`);
  $("summary").textContent = "Searching…";
  $("state").hidden = true;
  try {
    const found = await ask(`/api/search?${values}`);
    if (mine !== request) return;
    trouble("");
    show(found);
  } catch (error) {
    if (mine !== request) return;
    if (!(error instanceof Trouble)) {
      show({ hits: [], note: error.message });
    } else {
      trouble("The server cannot be reached. It may be restarting: this page tries again by itself.");
      setTimeout(() => mine === request && search(false), RETRY);
    }
  }
}

function show(found) {
  hits = found.hits;
  const what = like ? `like ${like.name ?? "that moment"} at ${clock(like.start)}` : `for “${query}”`;
  $("summary").textContent = hits.length ? `${hits.length} moments ${what}` : "";
  $("exports").hidden = !hits.length;
  for (const link of $("exports").querySelectorAll("a")) link.href = `/api/export/${link.dataset.form}?${parameters()}`;
  const grouped = $("filters").querySelector("[name=by_video]").checked;
  $("hits").replaceChildren(...hits.flatMap((hit, place) => grouped && hit.video !== hits[place - 1]?.video
    ? [make("li", { className: "group", textContent: hit.name, title: hit.path }), card(hit, place)] : [card(hit, place)]));
  if (!hits.length) nothing(found.note);
}

function nothing(note) {
  const filtered = [...filters().keys()].some((name) => name !== "mode" && name !== "everything" && name !== "by_video");
  const advice = [];
  if (filtered) advice.push(make("p", {}, "Filters are set. ", action("Remove them", () => { clearFilters(); search(); })));
  if (!$("filters").querySelector("[name=everything]").checked && !like)
    advice.push(make("p", {}, action("Show what comes closest", () => {
      $("filters").querySelector("[name=everything]").checked = true; search();
    })));
  state("Nothing found", make("p", {}, sentence(note)), ...advice);
}

const cards = () => $("hits").querySelectorAll(".hit");
const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "");
const action = (label, onclick) => make("button", { type: "button", textContent: label, onclick });

function state(title, ...content) {
  $("state").replaceChildren(make("h2", { textContent: title }), ...content);
  $("state").hidden = false;
  performance.mark("shown");
}

async function showStart() {
  request++;
  hits = [];
  $("hits").replaceChildren();
  $("summary").textContent = "";
  $("exports").hidden = true;
  try {
    const about = await describe();
    if (about.videos) {
      state(`${about.videos.toLocaleString()} videos`, make("p", {}, "Describe what is seen or said, in your own words."));
    } else {
      state("The library is empty", make("p", {}, "Index a folder of videos, and they appear here:"),
        make("p", {}, make("code", { textContent: "videoclip index VIDEOS --library THIS_LIBRARY" })));
    }
    trouble("");
  } catch (error) {
    trouble(error instanceof Trouble ? "The server cannot be reached. Start it with “videoclip serve”; this page tries again by itself." : error.message);
    setTimeout(() => !query && !like && showStart(), RETRY);
  }
}

function card(hit, place) {
  const span = `start=${hit.start}&end=${hit.end}`;
  const image = make("img", { src: `/api/videos/${hit.video}/picture?${span}`, alt: "", loading: "lazy" });
  image.onerror = () => image.remove();
  const picture = make("div", { className: "picture" }, image, make("span", { className: "time", textContent: `${clock(hit.start)}–${clock(hit.end)}` }));
  const words = make("div", { className: "words" },
    make("span", { className: "name", textContent: hit.name, title: hit.path, dir: "auto" }),
    ...hit.why.filter((reason) => reason.parts.length).map(reasonLine),
    make("span", { className: "said", textContent: hit.said && !hit.quote && `“${hit.said}”` || "", dir: "auto" }));
  const open = make("button", { type: "button", onclick: () => play(place) }, picture, words);
  open.setAttribute("aria-label", `${hit.name}, ${clock(hit.start)} to ${clock(hit.end)}`);
  open.onpointerenter = (event) => event.pointerType === "mouse" && preview(picture, hit);
  open.onpointerleave = () => endPreview(picture);
  open.onfocus = () => { chosen = place; };
  const kinds = hit.why.map((reason) => reason.kind === "seen" && hit.sure !== null ? `seen, ${share(hit.sure)} sure` : reason.kind);
  const sure = kinds.join(" · ");
  return make("li", { className: "hit" }, open, make("div", { className: "foot" },
    make("span", { className: "sure", textContent: sure }), action("More like this", () => moreLike(hit))));
}

const share = (sure) => (sure < 0.005 ? "below 1 %" : `${Math.round(100 * sure)} %`);
const pieces = (parts) => parts.map((part) => (part.found ? make("mark", { textContent: part.text }) : part.text));
const reasonLine = (reason) => make("span", { className: "reason", dir: "auto" }, `${reason.kind} “`, ...pieces(reason.parts), "”");

function preview(picture, hit) {
  const mine = ++previewing;
  setTimeout(() => {
    if (mine !== previewing) return;
    const video = make("video", { muted: true, playsInline: true, src: `/api/videos/${hit.video}/file#t=${hit.start},${hit.end}` });
    video.onloadedmetadata = () => { video.currentTime = hit.start; video.play().catch(() => video.remove()); };
    video.ontimeupdate = () => { if (video.currentTime > hit.end) video.currentTime = hit.start; };
    video.onerror = () => video.remove();
    picture.insertBefore(video, picture.lastChild);
  }, PREVIEW_DELAY);
}

function endPreview(picture) {
  previewing++;
  for (const video of picture.querySelectorAll("video")) { video.removeAttribute("src"); video.load(); video.remove(); }
}

function moreLike(hit) {
  close();
  like = { video: hit.video, start: hit.start, end: hit.end, name: hit.name };
  query = $("query").value = "";
  search();
  scrollTo(0, 0);
}

// Playing -----------------------------------------------------------------------------------------------------

async function play(place) {
  const hit = hits[place], video = $("video");
  chosen = place;
  sentences = []; scores = []; holding = []; at = -1;
  $("find-text").value = $("find-count").textContent = "";
  $("find").hidden = $("captions").hidden = true;
  $("title").textContent = hit.name;
  $("title").title = hit.path;
  $("broken").hidden = true;
  $("transcript").replaceChildren();
  $("player").showModal();
  video.src = `/api/videos/${hit.video}/file`;
  video.onloadedmetadata = () => { video.currentTime = hit.start; video.play().catch(() => {}); };
  video.onerror = () => broken(hit);
  draw();
  try {
    const [about, line] = await Promise.all([
      ask(`/api/videos/${hit.video}`),
      query ? ask(`/api/videos/${hit.video}/timeline?${new URLSearchParams({ q: query })}`) : { scores: [] },
    ]);
    if (chosen !== place || !$("player").open) return;
    scores = line.scores;
    sentences = about.transcript;
    $("transcript").replaceChildren(...sentences.map((s) => make("li", {},
      make("button", { type: "button", dir: "auto", onclick: () => { video.currentTime = s.start; } },
        make("time", { textContent: clock(s.start) }), make("span", { textContent: s.text })))));
    $("find").hidden = $("captions").hidden = !sentences.length;
    $("heard").textContent = about.source === "heard"
      ? `Heard by ${about.recogniser}, ${Math.round(100 * about.confidence)} % sure of its words.` : "";
    for (const link of $("captions").querySelectorAll("a")) link.href = `/api/videos/${hit.video}/captions/${link.dataset.form}`;
    if (!sentences.length) $("transcript").append(make("li", { textContent: "Nothing is said in this video." }));
    follow();
  } catch (error) {
    $("broken").textContent = error instanceof Trouble ? "The server cannot be reached." : error.message;
    $("broken").hidden = false;
  }
}

let holding = [], at = -1, asked = "";

async function find(step) {
  const text = $("find-text").value.trim(), hit = hits[chosen], items = $("transcript").children;
  if (text !== asked || !holding.length) {
    asked = text; at = -1;
    const { found } = text ? await ask(`/api/videos/${hit.video}/transcript?${new URLSearchParams({ find: text })}`) : { found: [] };
    if (text !== $("find-text").value.trim() || hits[chosen] !== hit) return;
    for (const { sentence } of holding) items[sentence].querySelector("span").textContent = sentences[sentence].text;
    for (const { sentence, parts } of found) items[sentence].querySelector("span").replaceChildren(...pieces(parts));
    holding = found;
  }
  $("transcript").querySelector(".here")?.classList.remove("here");
  if (holding.length && step) {
    at = (at + step + holding.length) % holding.length;
    const { sentence } = holding[at];
    items[sentence].classList.add("here");
    items[sentence].scrollIntoView({ block: "nearest" });
    $("video").currentTime = sentences[sentence].start;
  }
  $("find-count").textContent = !text ? "" : holding.length ? `${at + 1} of ${holding.length}` : "not said";
}

async function broken(hit) {
  if (!$("video").getAttribute("src")) return;
  let reason = `This browser cannot play ${hit.name}. Open it in a player: ${hit.path} at ${clock(hit.start)}`;
  try {
    const about = await ask(`/api/videos/${hit.video}`);
    if (!about.there) reason = `The file is gone: ${hit.path}. If it was moved, index its new folder; the moments are kept.`;
  } catch (error) {
    reason = error instanceof Trouble ? "The server cannot be reached." : error.message;
  }
  $("broken").textContent = reason;
  $("broken").hidden = false;
}

function close() {
  const video = $("video");
  video.pause();
  video.removeAttribute("src");
  video.load();
  if ($("player").open) $("player").close();
}

function draw() {
  const canvas = $("timeline"), ratio = devicePixelRatio || 1, hit = hits[chosen];
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  if (!hit) return;
  const context = canvas.getContext("2d"), { width, height } = canvas, style = getComputedStyle(document.documentElement);
  const accent = style.getPropertyValue("--accent"), total = hit.duration || 1;
  context.clearRect(0, 0, width, height);
  context.fillStyle = accent;
  scores.forEach((score, second) => {
    context.globalAlpha = 0.12 + 0.88 * score;
    const tall = Math.max(2 * ratio, score * height);
    context.fillRect((second / total) * width, height - tall, Math.ceil(width / total), tall);
  });
  context.globalAlpha = 0.18;
  context.fillStyle = style.getPropertyValue("--good");
  context.fillRect((hit.start / total) * width, 0, ((hit.end - hit.start) / total) * width, height);
  context.globalAlpha = 1;
  context.fillStyle = style.getPropertyValue("--ink");
  context.fillRect(($("video").currentTime / total) * width, 0, 2 * ratio, height);
}

function follow() {
  const now = $("video").currentTime, items = $("transcript").children;
  sentences.forEach((s, i) => {
    const is = now >= s.start && now < s.end, was = items[i].classList.contains("now");
    items[i].classList.toggle("now", is);
    if (is && !was) $("transcript").scrollTop = items[i].offsetTop - $("transcript").offsetTop - $("transcript").clientHeight / 3;
  });
  const hit = hits[chosen];
  if (hit) {
    const score = scores[Math.floor(now)];
    $("where").textContent = `${clock(now)} of ${clock(hit.duration)}${score === undefined ? "" : ` · ${score < 0.5 ? "does not fit" : "fits"} here`}`;
    $("timeline").setAttribute("aria-valuetext", clock(now));
    $("timeline").setAttribute("aria-valuemax", Math.round(hit.duration));
    $("timeline").setAttribute("aria-valuenow", Math.round(now));
  }
  draw();
}

// State of the library ----------------------------------------------------------------------------------------

async function describe() {
  const about = await ask("/api/library");
  $("about").textContent = `${about.videos.toLocaleString()} videos · ${about.moments.toLocaleString()} moments · ${about.model}`;
  $("upload").hidden = !about.uploads;
  fill("folder", about.folders);
  fill("language", Object.keys(about.spoken), (code) => `${languageName(code)} · ${about.spoken[code].toLocaleString()}`);
  return about;
}

function languageName(code) {
  try {
    const [own, here] = [code, "en"].map((language) => new Intl.DisplayNames([language], { type: "language" }).of(code));
    return own === here ? own : `${own} (${here})`;
  } catch { return code; }
}

function fill(name, values, shown = (value) => value) {
  const field = $("filters").querySelector(`[name=${name}]`), kept = field.value;
  field.replaceChildren(field.options[0], ...values.map((value) => make("option", { value, textContent: shown(value) })));
  field.value = values.includes(kept) ? kept : "";
}

function clearFilters() {
  for (const field of $("filters").querySelectorAll("select, input")) {
    if (field.type === "checkbox") field.checked = "way" in field.dataset;
    else field.value = "";
  }
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

let working = false;
async function watchIndexing() {
  try {
    const now = await ask("/api/progress");
    const busy = now.stage !== "idle";
    if (busy) {
      const count = now.total ? ` ${now.done} of ${now.total}${now.left ? `, ${now.left} left` : ""}` : "";
      const aside = Object.keys(now.set_aside).length;
      $("indexing").textContent = `${now.stage}${count}${now.current ? `: ${now.current}` : ""}${aside ? ` · ${aside} set aside` : ""}`;
    } else if (working) {
      await describe();
      if (!query && !like) showStart();
    }
    $("indexing").hidden = !busy;
    working = busy;
  } catch { /* a search or the next round says what is wrong */ }
  setTimeout(watchIndexing, working ? 1000 : 4000);
}

// Events ------------------------------------------------------------------------------------------------------

$("search").onsubmit = (event) => {
  event.preventDefault();
  query = $("query").value.trim();
  like = null;
  search();
};
$("show-filters").onclick = () => {
  $("filters").hidden = !$("filters").hidden;
  $("show-filters").setAttribute("aria-expanded", String(!$("filters").hidden));
};
$("filters").onchange = (event) => (event.target.type === "file" ? sendFile(event.target) : (query || like) && search());
$("find").onsubmit = (event) => event.preventDefault();
$("find-text").oninput = () => find(0);
$("find-text").onkeydown = (event) => {
  if (event.key === "Enter") { find(event.shiftKey ? -1 : 1); event.preventDefault(); }
};
$("close").onclick = close;
$("more").onclick = () => moreLike(hits[chosen]);
$("player").oncancel = close;
$("player").onclose = () => { close(); cards()[chosen]?.firstChild.focus(); };
$("video").ontimeupdate = follow;
$("timeline").onclick = (event) => {
  const box = $("timeline").getBoundingClientRect();
  $("video").currentTime = ((event.clientX - box.left) / box.width) * hits[chosen].duration;
};
$("timeline").onkeydown = (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) { $("video").currentTime += step; event.preventDefault(); }
};
onresize = draw;
onpopstate = () => restore(false);

async function sendFile(field) {
  const [file] = field.files;
  if (!file) return;
  $("summary").textContent = "Searching…";
  try {
    const found = await ask("/api/search/file", { method: "POST", headers: { "content-type": file.type }, body: file });
    query = ""; like = null;
    show(found);
    if (found.hits.length) $("summary").textContent = `${found.hits.length} moments like ${file.name}`;
  } catch (error) {
    show({ hits: [], note: error instanceof Trouble ? "the server cannot be reached" : error.message });
  }
  field.value = "";
}

document.addEventListener("keydown", (event) => {
  if ($("player").open) {
    if (event.key === "m" && !event.ctrlKey && !event.metaKey && event.target !== $("find-text")) moreLike(hits[chosen]);
    if (event.key === " " && ["DIALOG", "BODY"].includes(document.activeElement?.tagName)) {
      $("video").paused ? $("video").play() : $("video").pause();
      event.preventDefault();
    }
    return;
  }
  const typing = event.target.matches("input, select");
  if (event.key === "/" && !typing) { $("query").focus(); $("query").select(); event.preventDefault(); return; }
  if (event.key === "Escape" && event.target === $("query")) $("query").blur();
  if (!hits.length || (typing && !(event.target === $("query") && event.key === "ArrowDown"))) return;
  const columns = getComputedStyle($("hits")).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (event.key === "m" && chosen !== null && document.activeElement?.closest(".hit")) moreLike(hits[chosen]);
  if (!step) return;
  event.preventDefault();
  const inside = document.activeElement?.closest(".hit");
  const next = inside ? Math.min(Math.max(chosen + step, 0), hits.length - 1) : 0;
  cards()[next].firstChild.focus();
});

const remembered = localStorage.getItem("theme");
document.documentElement.dataset.theme = remembered || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
$("theme").onclick = () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  draw();
};

async function restore(first) {
  const values = new URLSearchParams(location.search), number = (name) => Number(values.get(name));
  if (first && values.size) await describe().catch(() => {});
  clearFilters();
  for (const field of $("filters").querySelectorAll("select, input")) {
    const value = values.get(field.name);
    if (!field.name || value === null) continue;
    if (field.type === "checkbox") field.checked = value === "true";
    else if (field.type === "date") field.valueAsDate = new Date(1000 * value - 60000 * new Date().getTimezoneOffset());
    else field.value = field.type === "number" ? value / 60 : value;
  }
  const mode = values.get("mode") ?? "all";
  if (!["all", "both"].includes(mode)) for (const way of ways()) way.checked = mode.split(",").includes(way.dataset.way);
  query = $("query").value = values.get("q") ?? "";
  like = values.has("like_video") ? { video: number("like_video"), start: number("like_start"), end: number("like_end") } : null;
  search(false);
}

restore(true);
watchIndexing();
$("query").focus();
