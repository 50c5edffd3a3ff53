// Runs the sandbox's page in Node, with as little of a browser as its scripts ask for. Called with the sandbox's address
// and the files of the scripts; reads a command a line from standard input, and answers each with what the page shows.
"use strict";

const fs = require("node:fs");
const vm = require("node:vm");
const readline = require("node:readline");

const [origin, ...files] = process.argv.slice(2);

class Element {
  constructor(tag) {
    Object.assign(this, { tag, children: [], listeners: {}, dataset: {}, attributes: {}, hidden: false, value: "", className: "" });
    this.classList = { toggle() {}, add() {}, remove() {} };
    this.style = {};
  }
  get textContent() { return this.children.map((each) => each.textContent ?? each).join(""); }
  set textContent(text) { this.children = [String(text)]; }
  get elements() { return {}; }
  append(...more) { this.children.push(...more); }
  replaceChildren(...all) { this.children = all; }
  setAttribute(name, value) { this.attributes[name] = value; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  contains() { return false; }
  focus() {}
  all() { return this.children.flatMap((each) => each instanceof Element ? [each, ...each.all()] : []); }
  querySelectorAll(selector) {
    const data = /^\[data-(\w+)\]$/.exec(selector);
    return this.all().filter((each) => data ? data[1] in each.dataset : each.tag === selector);
  }
}

const byId = new Map();
const copied = [];
const document = {
  hidden: false,
  activeElement: null,
  createElement: (tag) => new Element(tag),
  createElementNS: (space, tag) => new Element(tag),
  addEventListener() {},
  getElementById(id) {
    if (!byId.has(id)) byId.set(id, new Element("div"));
    return byId.get(id);
  },
  querySelectorAll: (selector) => [...byId.values()].flatMap((each) => each.querySelectorAll(selector)),
};
// The page asks once a second; here, only when the test says so.
let poll = null;
const context = vm.createContext({
  AbortSignal, Date, Error, Map, URLSearchParams, clearTimeout, console, document,
  fetch: (path, options) => fetch(origin + path, options),
  location: new URL(origin),
  navigator: { clipboard: { writeText: async (text) => copied.push(text) } },
  setInterval: (each) => { poll = each; },
  setTimeout: (each, after) => setTimeout(each, after).unref(),
  window: { addEventListener() {} },
});
for (const file of files) vm.runInContext(fs.readFileSync(file, "utf-8"), context, { filename: file });

async function act(command, argument) {
  if (command === "click") await byId.get(argument).listeners.click();
  const button = command === "press" && document.querySelectorAll("button").find((each) => each.getAttribute("aria-label") === argument);
  if (button) await button.listeners.click({ currentTarget: button });
  // The page lets no two polls run at once.
  do await new Promise((done) => setTimeout(done, 10)); while (poll.runs);
  await poll();
  return { copied, shown: Object.fromEntries([...byId].map(([id, node]) => [id, node.hidden ? null : node.textContent])) };
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  console.log(JSON.stringify(await act(...JSON.parse(line))));
});
