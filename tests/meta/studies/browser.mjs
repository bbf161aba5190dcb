// Looks at pages in headless Chromium. Standard input: {"pages": [{"file", "width", "height", "dark",
// "picture"}], "chromium": path}; standard output: what was seen of each page. See browser.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.cwd()}/`);
const puppeteer = require("puppeteer-core").default ?? require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { pages, chromium } = JSON.parse(readFileSync(0, "utf8"));
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-quic"] });
const seen = [];
for (const { file, width, height, dark, picture } of pages) {
  const page = await browser.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.setBypassCSP(true); // for axe
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await page.goto(pathToFileURL(file).href);
  const layout = await page.evaluate(() => ({
    // Where the verdict and the last card of the first screen end, and what sticks out to the right.
    verdict: document.querySelector(".verdict").getBoundingClientRect().bottom,
    first: Math.max(0, ...[...document.querySelectorAll(".card")].map((x) => x.getBoundingClientRect().bottom)),
    wide: document.documentElement.scrollWidth,
  }));
  if (picture) await page.screenshot({ path: picture });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  const faults = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
  seen.push({ ...layout, errors, requests: requests.slice(1), faults });
  await page.close();
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
