// The picture of one campaign: leads, e-mails over time and senders, drawn as SVG from GET /_sandbox/campaigns/{id}/picture.
// It is loaded before page.js, whose `make`, `at`, `ask`, `pill` and `fill` it uses once it draws.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const STATE_LOOKS = { Waiting: "calm", "Written to": "accent", Completed: "done", Replied: "good", Unsubscribed: "wait", Bounced: "bad" };
const BAR_HEIGHT = 150;
const BAR_FOOT = 22;

/** The campaign whose picture is open, or null. */
let pictured = null;

function draw(tag, attributes, ...content) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...content);
  return node;
}

function drawing(width, height, text, ...content) {
  // The text is all that a screen reader gets of it; the numbers stand beside the picture, too.
  return draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": text }, ...content);
}

function share(count, of) {
  return of ? `${(100 * count / of).toLocaleString("en", { maximumFractionDigits: 1 })} %` : "";
}

function counted(count, one, many) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

function widthOf(id) {
  return Math.max(200, Math.floor(at(id).clientWidth));
}

function leadsDrawing(leads, width) {
  const parts = [];
  let x = 0;
  for (const { name, count } of leads.states.filter((each) => each.count)) {
    const wide = width * count / leads.total;
    parts.push(draw("rect", { x, y: 0, width: Math.max(1, wide - 1), height: 28, class: "ink-" + STATE_LOOKS[name] }));
    x += wide;
  }
  const said = leads.states.map((each) => `${each.name} ${each.count}`).join(", ");
  if (!leads.total) parts.push(draw("rect", { x: 0, y: 0, width, height: 28, class: "ink-line" }));
  return drawing(width, 28, `${counted(leads.total, "lead", "leads")}: ${said}`, ...parts);
}

function stateItem({ name, count, total }) {
  const mark = draw("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" },
    draw("rect", { width: 10, height: 10, rx: 2, class: "ink-" + STATE_LOOKS[name] }));
  return make("li", "", mark, ` ${name} `, make("b", "", count.toLocaleString("en")), make("small", "", ` ${share(count, total)}`));
}

function barsDrawing(bars, width) {
  const most = Math.max(1, ...bars.items.map((each) => each.sent));
  const left = 12 + 8 * String(most).length;
  const wide = Math.min(60, (width - left) / Math.max(1, bars.items.length));
  const parts = [0, most].map((count) => {
    const y = BAR_HEIGHT - (BAR_HEIGHT - 10) * count / most;
    return draw("g", {},
      draw("line", { x1: left, x2: width, y1: y, y2: y, class: "rule" }),
      draw("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, String(count)));
  });
  bars.items.forEach((bar, index) => {
    const heights = { sent: bar.sent, replied: bar.replied + bar.bounced, bounced: bar.bounced };
    const looks = { sent: "accent", replied: "good", bounced: "bad" };
    for (const [name, count] of Object.entries(heights)) {
      if (!count) continue;
      const height = (BAR_HEIGHT - 10) * count / most;
      parts.push(draw("rect", { x: left + index * wide + 0.5, y: BAR_HEIGHT - height, width: Math.max(1, wide - 1), height, class: "ink-" + looks[name] }));
    }
  });
  const ends = [bars.since, bars.since + bars.seconds * bars.items.length];
  const span = wide * bars.items.length;
  parts.push(draw("text", { x: left, y: BAR_HEIGHT + 16 }, moment(ends[0])));
  if (span > 240) parts.push(draw("text", { x: left + span, y: BAR_HEIGHT + 16, "text-anchor": "end" }, moment(ends[1])));
  const said = (name) => bars.items.reduce((sum, each) => sum + each[name], 0);
  return drawing(width, BAR_HEIGHT + BAR_FOOT,
    `E-mails from ${moment(ends[0])} to ${moment(ends[1])}: ${said("sent")} sent, ${said("replied")} answered, ${said("bounced")} bounced`, ...parts);
}

function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

function length(seconds) {
  const [count, unit] = seconds >= 86400 ? [seconds / 86400, "day"] : seconds >= 3600 ? [seconds / 3600, "hour"] : [seconds / 60, "minute"];
  return counted(count, unit, unit + "s");
}

function figureItem([name, count, of]) {
  return make("div", "", make("dt", "", name), make("dd", "", make("b", "", count.toLocaleString("en")), make("small", "", ` ${share(count, of)}`)));
}

function labelled(label, text) {
  // A narrow page has no room for the head of the table, and shows the label in its place.
  const cell = make("td", "number", text);
  cell.dataset.label = label;
  return cell;
}

function senderRow(sender) {
  const status = make("span", "pill " + (sender.may_send ? "good" : "bad"), sender.status);
  const limit = sender.daily_limit ?? null;
  return make("tr", "", make("td", "address", sender.email), make("td", "", status),
    labelled("warm-up", sender.score === null ? "off" : String(sender.score)),
    labelled("today", limit === null ? String(sender.today) : `${sender.today} of ${limit}`));
}

function leadRow(lead) {
  return make("tr", "", make("td", "address", lead.email), make("td", "", lead.state),
    make("td", "number", lead.contacted_at === null ? "" : moment(lead.contacted_at)));
}

async function showPicture() {
  if (pictured === null) return;
  const asked = pictured;
  let seen;
  try {
    seen = await ask("GET", `/campaigns/${asked}/picture`);
  } catch (error) {
    if (pictured === asked) closePicture();
    say(error.message);
    return;
  }
  if (pictured !== asked) return;
  at("picture").hidden = false;
  at("picture-name").textContent = seen.name;
  fill("picture-status", { data: [{ status: seen.status, name: seen.status_name }], make: (each) => pill(each.status, each.name) });
  drawInto("leads-drawing", seen.leads, leadsDrawing);
  fill("states", { data: seen.leads.states.map((each) => ({ ...each, total: seen.leads.total })), make: stateItem });
  const { sent, contacted, replied, bounced, unsubscribed } = seen.emails;
  fill("figures", { data: [["Leads", seen.leads.total], ["Written to", contacted, seen.leads.total], ["E-mails", sent], ["Replies", replied, sent], ["Bounces", bounced, sent], ["Unsubscribed", unsubscribed, sent]], make: figureItem });
  at("bars-drawing").hidden = at("bars-legend").hidden = seen.bars.items.length === 0;
  at("no-emails").hidden = seen.bars.items.length > 0;
  if (seen.bars.items.length) {
    drawInto("bars-drawing", seen.bars, barsDrawing);
    at("bar-length").textContent = `A bar is ${length(seen.bars.seconds)}.`;
  }
  fill("senders", { data: seen.senders.items, make: senderRow });
  fill("latest-leads", { data: seen.leads.latest, make: leadRow });
  for (const [name, part] of [["senders", seen.senders], ["leads", seen.leads]]) {
    const listed = (part.items ?? part.latest).length;
    at(`no-picture-${name}`).hidden = part.total > 0;
    at(`${name}-table`).hidden = part.total === 0;
    at(`more-${name}`).hidden = listed >= part.total;
    at(`more-${name}`).textContent = `The first ${listed} of ${part.total.toLocaleString("en")}.`;
  }
}

function drawInto(id, data, make_) {
  // Drawn for the width that there is, so that its text is as large on a narrow page as on a wide one.
  const width = widthOf(id);
  fill(id, { data: [{ data, width }], make: (each) => make_(each.data, each.width) });
}

async function openPicture(id) {
  pictured = id;
  await showPicture();
  if (pictured !== id) return;
  at("picture").scrollIntoView({ block: "nearest" });
  at("picture-name").focus();
}

function closePicture() {
  const opener = pictured && [...document.querySelectorAll("[data-picture]")].find((each) => each.dataset.picture === pictured);
  pictured = null;
  at("picture").hidden = true;
  opener?.focus();
}

document.addEventListener("DOMContentLoaded", async () => {
  // A link to a campaign's page in Instantly leads here, too. By now page.js is loaded.
  const [, id] = location.pathname.match(/^\/app\/campaign\/([0-9a-f-]{36})\/analytics$/i) ?? [];
  if (!id) return;
  await show();
  await openPicture(id.toLowerCase());
});
