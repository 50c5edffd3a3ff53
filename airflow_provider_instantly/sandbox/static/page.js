// The sandbox's page: shows what GET /_sandbox/overview tells, once a second, and sends what its buttons ask for.
// Everything that comes from a client (names, paths, user agents) is set as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
const LOOKS = { 1: "good", 4: "good", 2: "wait", 3: "done", "-1": "bad", "-2": "bad", "-99": "bad" };
const REASONS = { 1: "outside its schedule", 2: "waiting for leads", 3: "daily limit reached", 4: "accounts at their limit", 99: "error" };
const FAULTS = [
  ["429, without Retry-After", { kind: "error", status: 429 }],
  ["429, Retry-After: 5", { kind: "error", status: 429, retry_after: 5 }],
  ["500 as JSON", { kind: "error", status: 500 }],
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
  ["Cursor that repeats", { kind: "repeat_cursor", count: 1 }],
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
  const answer = await fetch("/_sandbox" + path, options);
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

function scriptText(script) {
  if (!script) return "Active at once";
  const when = (after) => (after === 0 ? "at once" : `after ${after} s`);
  return script.map((step) => `${statuses[step.status] ?? step.status} ${when(step.after)}`).join(", ");
}

const shown = new Map();
let statuses = {};
let defaultScript = null;

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
  return make("tr", "",
    make("td", "", make("div", "name", campaign.name), make("div", "id", campaign.id)),
    status,
    make("td", "script", scriptText(campaign.script ?? defaultScript)),
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

function faultItem(fault) {
  const { kind, id, path, method, count, skip, delay, ...more } = fault;
  const details = Object.entries(more).filter(([, value]) => value !== null && value !== false).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  if (delay) details.push(`delay: ${delay} s`);
  if (skip) details.push(`skips ${skip}`);
  const left = count === null ? "every request" : count === 1 ? "next request" : `next ${count} requests`;
  return make("li", "",
    make("div", "", make("b", "", `${kind} · ${left}`), make("span", "", `${method === "*" ? "any method" : method} ${path} · ${details.join(", ")}`)),
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

async function show() {
  const state = at("state");
  let seen;
  try {
    const search = at("search").value.trim();
    seen = await ask("GET", "/overview" + (search ? "?search=" + encodeURIComponent(search) : ""));
  } catch {
    state.className = "state lost";
    state.textContent = "No answer";
    return;
  }
  state.className = "state live";
  state.textContent = "Live";
  statuses = seen.statuses;
  defaultScript = seen.settings.default_script;
  at("url").textContent = location.origin;
  at("key").textContent = seen.api_key;
  fill("totals", { data: seen.totals, make: (each) => make("li", "", pill(each.status, `${each.count.toLocaleString("en")} ${each.name}`)) });
  fill("campaigns", { data: seen.campaigns, make: campaignRow });
  fill("faults", { data: seen.faults, make: faultItem });
  fill("requests", { data: seen.requests, make: requestRow });
  for (const each of ["campaigns", "faults", "requests"]) at("no-" + each).hidden = seen[each].length > 0;
  const total = seen.totals.reduce((sum, each) => sum + each.count, 0);
  at("more-campaigns").hidden = at("search").value.trim() !== "" || total <= seen.campaigns.length;
  at("more-campaigns").textContent = `The first ${seen.campaigns.length} of ${total.toLocaleString("en")} campaigns. Search to find others.`;
  await showPicture();
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
  node.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(at(node.dataset.copy).textContent);
    } catch {
      say("The browser did not let the page copy. Select the text and copy it.");
      return;
    }
    node.textContent = "Copied";
    setTimeout(() => { node.textContent = "Copy"; }, 1500);
  });
}

at("kinds").append(...FAULTS.map(([text], index) => {
  const option = make("option", "", text);
  option.value = String(index);
  return option;
}));
at("close-picture").addEventListener("click", closePicture);
at("clear").addEventListener("click", () => act("DELETE", "/requests"));
at("search").addEventListener("input", show);
setInterval(() => document.hidden || show(), 1000);
show();
