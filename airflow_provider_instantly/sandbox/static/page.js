// The sandbox's page: shows what GET /_sandbox/overview tells, once a second, and sends what its buttons ask for.
// Everything that comes from a client (names, paths, user agents) is set as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const LOOKS = { 1: "good", 4: "good", 2: "wait", 3: "done", "-1": "bad", "-2": "bad", "-99": "bad" };
const REASONS = { 1: "outside its schedule", 2: "waiting for leads", 3: "daily limit reached", 4: "accounts at their limit", 99: "error" };
/** Campaigns on a page. */
const PAGE = 25;
/** Milliseconds until a sandbox that does not answer counts as one that cannot be reached. */
const PATIENCE = 10000;
const FAULTS = [
  ["429, without Retry-After", { kind: "error", status: 429 }],
  ["429, Retry-After: 5", { kind: "error", status: 429, retry_after: 5 }],
  ["500 as JSON", { kind: "error", status: 500, format: "json" }],
  ["503 as an HTML page", { kind: "error", status: 503, format: "html" }],
  ["503 after the effect", { kind: "error", status: 503, moment: "after" }],
  ["Connection reset before the effect", { kind: "reset" }],
  ["Connection reset after the effect", { kind: "reset", moment: "after" }],
  ["Slow answer, 10 s", { kind: "delay", delay: 10 }],
  ["Slow bytes", { kind: "drip", bytes_per_second: 20 }],
  ["Truncated JSON", { kind: "truncate" }],
  ["Body of 11 MB", { kind: "oversize" }],
  ["JSON that is no object", { kind: "body", json: ["unexpected"] }],
  ["Status of a wrong type", { kind: "fields", fields: { status: "one" } }],
  ["Cursor that repeats", { kind: "repeat_cursor" }],
  ["Redirect to another host", { kind: "redirect", location: "http://redirected.invalid/" }],
];

function make(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...content);
  return node;
}

function say(message) {
  at("notice").textContent = message;
  at("notice").hidden = !message;
  clearTimeout(say.timer);
  if (message) say.timer = setTimeout(() => say(""), 6000);
}

async function ask(method, path, body) {
  const options = { method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch("/_sandbox" + path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new Error(`The sandbox at ${location.origin} cannot be reached.`);
  }
  const document_ = await answer.json();
  if (!answer.ok) {
    const detail = document_.detail;
    throw new Error(Array.isArray(detail) ? detail.map((each) => each.msg.replace(/^Value error, /, "")).join(" ") : String(detail));
  }
  return document_;
}

async function act(method, path, body) {
  try {
    await ask(method, path, body);
    say("");
  } catch (error) {
    say(error.message);
  }
  await show();
}

function button(text, className, click, label) {
  const node = make("button", className, text);
  node.type = "button";
  if (label) node.setAttribute("aria-label", label);
  node.addEventListener("click", click);
  return node;
}

function pill(status, name) {
  return make("span", "pill " + (LOOKS[status] ?? ""), name);
}

function named(step) {
  return statuses[step.status] ?? String(step.status);
}

function scriptSteps(script, done) {
  // The step that holds is marked; `done` is how many have come, or null if the script does not run.
  if (!script) return make("div", "", "Active at once");
  const when = (after) => (after === 0 ? "at once" : `after ${after}\u00a0s`);
  return make("ol", "steps", ...script.map((step, index) => {
    const item = make("li", done !== null && index < done - 1 ? "past" : "", `${named(step)} ${when(step.after)}`);
    if (index + 1 === done) item.setAttribute("aria-current", "step");
    return item;
  }));
}

function whereInScript({ script, position, activations }) {
  if (!script) return "";
  if (position === null) return activations ? "Not running: an activation starts it again" : "Starts with its activation";
  const { done, next_in: left } = position;
  if (done === script.length) return "At its end";
  return `${done ? `Step ${done} of ${script.length}, ` : ""}${named(script[done])} in ${duration(left)}`;
}

function duration(seconds) {
  const [count, unit] = seconds >= 7200 ? [seconds / 3600, "h"] : seconds >= 120 ? [seconds / 60, "min"] : [seconds, "s"];
  return `${Math.ceil(count)}\u00a0${unit}`;
}

const shown = new Map();
let statuses = {};
let defaultScript = null;
let page = 0;
let lastSeen = null;

function campaignRow(campaign) {
  const path = "/campaigns/" + campaign.id;
  const status = make("td", "", pill(campaign.status, campaign.status_name));
  if (campaign.not_sending_status !== null) {
    status.append(make("div", "script", REASONS[campaign.not_sending_status] ?? `reason ${campaign.not_sending_status}`));
  }
  const open = button("Picture", "", () => openPicture(campaign.id), `Picture of ${campaign.name}`);
  open.dataset.picture = campaign.id;
  const actions = make("div", "actions",
    open,
    button("Activate", "", () => act("POST", path + "/activate"), `Activate ${campaign.name}`),
    button("Pause", "", () => act("POST", path + "/pause"), `Pause ${campaign.name}`),
    button("Bounce Protect", "", () => act("POST", path + "/bounce-protect"), `Trip bounce protection of ${campaign.name}`),
    button("Fault", "", () => aim(campaign.id), `Inject a fault for ${campaign.name}`),
    button("Delete", "danger", () => confirm(`Delete “${campaign.name}”?`) && remove(campaign.id), `Delete ${campaign.name}`));
  const id = make("span", "id", campaign.id);
  const where = make("div", "where");
  where.dataset.where = campaign.id;
  return make("tr", "",
    make("td", "", make("div", "name", campaign.name),
      make("div", "copied", id, button("Copy", "quiet", (event) => copy(id, event.currentTarget), `Copy the id of ${campaign.name}`))),
    status,
    make("td", "script", scriptSteps(campaign.script ?? defaultScript, campaign.done), where),
    make("td", "number", String(campaign.activations)),
    make("td", "", actions));
}

function remove(id) {
  if (pictured === id) closePicture();
  return act("DELETE", "/campaigns/" + id);
}

function aim(id) {
  const path = at("fault").elements.path;
  path.value = `*/${id}*`;
  path.focus();
}

function faultName(fault) {
  // As the form names it: of the choices that fit, the one that says most.
  const isSo = ([name, value]) => JSON.stringify(fault[name]) === JSON.stringify(value);
  const fitting = FAULTS.map(([text, meant]) => [text, Object.entries(meant)]).filter(([, meant]) => meant.every(isSo));
  return fitting.sort(([, one], [, other]) => other.length - one.length)[0]?.[0] ?? fault.kind;
}

function faultItem(fault) {
  const { kind, id, path, method, count, skip, delay, ...more } = fault;
  const details = Object.entries(more).filter(([, value]) => value !== null && value !== false).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  if (delay) details.push(`delay: ${delay} s`);
  if (skip) details.push(`skips ${skip}`);
  const left = count === null ? "every request" : count === 1 ? "next request" : `next ${count} requests`;
  return make("li", "",
    make("div", "", make("b", "", `${faultName(fault)} · ${left}`), make("span", "", `${method === "*" ? "any method" : method} ${path} · ${details.join(", ")}`)),
    button("Remove", "quiet", () => act("DELETE", "/faults/" + id), `Remove fault ${id}`));
}

function requestRow(request) {
  const when = new Date(request.at * 1000).toLocaleTimeString([], { hour12: false });
  const look = request.status === null || request.status >= 500 ? "bad" : request.status >= 400 ? "wait" : "good";
  const answer = make("td", "", make("span", "pill " + look, request.status === null ? "reset" : String(request.status)));
  const notes = [request.effect, request.fault && `fault: ${request.fault}`].filter(Boolean);
  if (notes.length) answer.append(make("small", "", notes.join(", ")));
  const path = make("td", "path", make("b", "", request.method), " " + request.path + (request.query && "?" + request.query));
  path.title = request.user_agent ?? "no User-Agent";
  return make("tr", "", make("td", "time", when), path, answer, make("td", "", request.key ?? "none"));
}

function fill(id, rows) {
  // Unchanged content stays, so that a button does not vanish under the pointer.
  const text = JSON.stringify(rows.data);
  const node = at(id);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const focused = node.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  node.replaceChildren(...rows.data.map(rows.make));
  if (focused) [...node.querySelectorAll("button")].find((each) => each.getAttribute("aria-label") === focused)?.focus();
}

function put(node, text) {
  // A screen reader reads out what is set, also if it was the same before.
  if (node.textContent !== text) node.textContent = text;
}

function connected(error) {
  const state = at("state");
  state.className = error ? "state lost" : "state live";
  state.textContent = error ? "No answer" : "Live";
  at("main").classList.toggle("stale", Boolean(error));
  at("lost").hidden = !error;
  if (!error) return;
  const since = lastSeen === null ? "" : `What stands below is from ${lastSeen.toLocaleTimeString([], { hour12: false })}. `;
  put(at("lost-what"), error.message);
  put(at("lost-since"), since + "If it was stopped, start it again: this page goes on by itself.");
}

async function show() {
  const search = at("search").value.trim();
  const asked = page;
  let seen;
  try {
    seen = await ask("GET", "/overview?" + new URLSearchParams({ limit: PAGE, offset: asked * PAGE, search }));
  } catch (error) {
    connected(error);
    return;
  }
  connected(null);
  // An answer to what was asked before the last key or click would show what is no longer wanted.
  if (asked !== page || search !== at("search").value.trim()) return;
  if (asked && asked * PAGE >= seen.found) return turnTo(Math.ceil(seen.found / PAGE) - 1);
  lastSeen = new Date();
  statuses = seen.statuses;
  defaultScript = seen.settings.default_script;
  at("url").textContent = location.origin;
  at("port").textContent = location.port || { "http:": "80", "https:": "443" }[location.protocol];
  at("key").textContent = seen.api_key;
  fill("totals", { data: seen.totals, make: (each) => make("li", "", pill(each.status, `${each.count.toLocaleString("en")} ${each.name}`)) });
  // The time until a script's next step changes with each answer; the row does not.
  fill("campaigns", { data: seen.campaigns.map(({ position, ...campaign }) => ({ ...campaign, done: position && position.done })), make: campaignRow });
  const wheres = new Map(seen.campaigns.map((each) => [each.id, whereInScript({ ...each, script: each.script ?? defaultScript })]));
  for (const node of document.querySelectorAll("[data-where]")) put(node, wheres.get(node.dataset.where) ?? "");
  fill("faults", { data: seen.faults, make: faultItem });
  fill("requests", { data: seen.requests, make: requestRow });
  for (const each of ["campaigns", "faults", "requests"]) at("no-" + each).hidden = seen[each].length > 0;
  put(at("no-campaigns"), search ? "No campaign has this in its name." : "No campaigns here. Add one above, or create one through the API.");
  at("pages").hidden = seen.found <= PAGE;
  put(at("shown-campaigns"), `${asked * PAGE + 1} to ${asked * PAGE + seen.campaigns.length} of ${seen.found.toLocaleString("en")}`);
  at("previous-page").disabled = asked === 0;
  at("next-page").disabled = (asked + 1) * PAGE >= seen.found;
  await showPicture();
}

function turnTo(number) {
  page = Math.max(0, number);
  return show();
}

async function poll() {
  // One at a time: a sandbox that hangs is not asked again before that is known.
  if (document.hidden || poll.runs) return;
  poll.runs = true;
  try {
    await show();
  } finally {
    poll.runs = false;
  }
}

async function copy(source, pressed) {
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    say("The browser did not let the page copy. The text is selected: copy it with the keyboard.");
    return;
  }
  pressed.textContent = "Copied";
  setTimeout(() => { pressed.textContent = "Copy"; }, 1500);
}

function parseScript(text) {
  return text.split(",").map((part) => {
    const [status, after] = part.split("@");
    if (after === undefined || after.trim() === "" || Number.isNaN(Number(after))) {
      throw new Error(`“${part.trim()}” is no step. Write status@seconds, such as active@2.`);
    }
    return { status: status.trim(), after: Number(after) };
  });
}

at("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = event.target.elements;
  try {
    const script = fields.script.value.trim() ? parseScript(fields.script.value) : null;
    await ask("POST", "/campaigns", { name: fields.name.value, script });
    event.target.reset();
    say("");
  } catch (error) {
    say(error.message);
  }
  await show();
});

at("fault").addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = event.target.elements;
  const [, fault] = FAULTS[Number(fields.kind.value)];
  act("POST", "/faults", { ...fault, path: fields.path.value, method: fields.method.value, count: Number(fields.count.value) });
});

for (const node of document.querySelectorAll("[data-copy]")) {
  node.addEventListener("click", () => copy(at(node.dataset.copy), node));
}

at("kinds").append(...FAULTS.map(([text], index) => {
  const option = make("option", "", text);
  option.value = String(index);
  return option;
}));
at("close-picture").addEventListener("click", closePicture);
at("clear").addEventListener("click", () => act("DELETE", "/requests"));
at("search").addEventListener("input", () => turnTo(0));
at("previous-page").addEventListener("click", () => turnTo(page - 1));
at("next-page").addEventListener("click", () => turnTo(page + 1));
setInterval(poll, 1000);
poll();
