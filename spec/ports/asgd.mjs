// Averaged SGD behind the port protocol (protocol.md), for Node and without packages.
//
//     asgd verify -- node asgd.mjs
//     node asgd.mjs vectors/documented.json      checks the frozen vectors instead (vectors.md)
//
// It implements the convention "documented". The lines marked TORCH say what "torch" changes.
// Replace stepParameter() by your own optimizer (YOURS), and keep the rest.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

// The optimizer: what a port is about.

// E2: the step size after t steps.
const stepSize = (t, { lr, lambd, alpha }) => lr / (1 + lambd * lr * t) ** alpha;

// E4: the weight of the newest iterate.
const averagingWeight = (t, t0) => 1 / Math.max(1, t - t0);

// E6: one step of one parameter that has a gradient. `round` rounds to the dtype: one operation in
// double, rounded to float32, is that operation in float32.
// YOURS: your arithmetic goes here; it may call your library.
function stepParameter(p, hyper, grad, round) {
  p.t += 1;
  // TORCH: stepSize(p.t - 1, ...) and averagingWeight(p.t - 1, t0), without ceil; and lr, lambd,
  // alpha and t0 in these two lines are those of the end of the parameter's step before (those in
  // force at its first), so keep a copy of `hyper` in the parameter, and save it.
  p.eta = stepSize(p.t, hyper);
  p.mu = averagingWeight(p.t + 1, Math.ceil(hyper.t0));
  const [eta, mu, lambd, decay] = [p.eta, p.mu, hyper.lambd, hyper.weight_decay].map(round);
  const average = p.average ?? p.theta.slice(); // not there yet: it is theta
  for (let i = 0; i < p.theta.length; i++) {
    const theta = p.theta[i];
    let g = hyper.maximize ? -grad[i] : grad[i];
    // E1 and E3; without the tests, 0 * inf would make a nan.
    if (decay !== 0) g = round(g + round(decay * theta));
    if (lambd !== 0) g = round(g + round(lambd * theta));
    const updated = eta === 0 ? theta : round(theta - round(eta * g));
    // E5; with mu = 1 a copy, for inf - inf would make a nan.
    const moved = round(average[i] + round(mu * round(updated - average[i])));
    average[i] = mu === 1 ? updated : moved;
    p.theta[i] = updated;
  }
  p.average = average;
}

// Hexadecimal floats, by the bits of the number: sign, 11 bits of exponent, 52 of significand.

const bits = new DataView(new ArrayBuffer(8));
const HEX = /^([+-]?)0x([01])(?:\.([0-9a-f]{0,13}))?p([+-]?\d+)$/;

function fromHex(text) {
  if (text === "nan") return NaN;
  if (text.endsWith("inf")) return text.startsWith("-") ? -Infinity : Infinity;
  const match = HEX.exec(text);
  if (match === null) throw new Error(`not a hexadecimal float: ${text}`);
  const [, sign, lead, digits = "", power] = match;
  // A leading 0 is a zero or a subnormal number: their exponent's bits are 0.
  const exponent = lead === "1" ? Number(power) + 1023 : 0;
  const significand = digits.padEnd(13, "0");
  const high = (exponent << 20) | parseInt(significand.slice(0, 5), 16);
  bits.setUint32(0, sign === "-" ? high | 0x80000000 : high);
  bits.setUint32(4, parseInt(significand.slice(5), 16));
  return bits.getFloat64(0);
}

function toHex(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  const exponent = (high >>> 20) & 0x7ff;
  const digits =
    (high & 0xfffff).toString(16).padStart(5, "0") + bits.getUint32(4).toString(16).padStart(8, "0");
  const lead = exponent === 0 ? 0 : 1;
  const power = x === 0 ? 0 : Math.max(exponent, 1) - 1023;
  return `${high >>> 31 ? "-" : ""}0x${lead}.${digits}p${power < 0 ? "" : "+"}${power}`;
}

// Requests.

const NAMES = ["lr", "lambd", "alpha", "t0", "weight_decay"];

// The hyperparameters that a request names, checked.
function takeHyper(from) {
  const hyper = {};
  for (const name of NAMES) {
    if (!(name in from)) continue;
    const value = fromHex(from[name]);
    if (!(value >= 0) || (value === Infinity && name !== "t0")) {
      const domain = name === "t0" ? "[0, inf]" : "[0, inf)";
      throw new Error(`${name} must be in ${domain}, got ${value}`);
    }
    hyper[name] = value;
  }
  if ("maximize" in from) hyper.maximize = from.maximize === true;
  return hyper;
}

const array = (x) => x && Array.from(x, toHex);
const DEFAULTS = { lr: 0.01, lambd: 1e-4, alpha: 0.75, t0: 1e6, weight_decay: 0, maximize: false };
let round = Math.fround;
let groups = [];
let params = [];

const operations = {
  hello: () => ({
    protocol: 1,
    name: "asgd.mjs",
    version: "1",
    dtypes: ["float32", "float64"],
    // NOT SHOWN: delete from `reads` what your port cannot show, and from `supports` what it cannot
    // do; what you leave out of `reads`, delete in `step` below too.
    reads: ["average", "eta", "mu"],
    supports: ["groups", "skip", "set", "save", "maximize", "add_group"],
  }),

  open(request) {
    round = request.dtype === "float32" ? Math.fround : (x) => x;
    groups = [];
    params = [];
    for (const group of request.groups) operations.add_group({ group });
    return {};
  },

  // A group whose parameters come behind all others.
  add_group({ group }) {
    groups.push({ ...DEFAULTS, ...takeHyper(group) });
    for (const values of group.params) {
      const theta = Float64Array.from(values, fromHex);
      params.push({ group: groups.length - 1, t: 0, theta, average: null });
    }
    return {};
  },

  step({ grads }) {
    if (grads.length !== params.length) throw new Error("grads must have one entry a parameter");
    params.forEach((p, i) => {
      if (grads[i] === null) return;
      if (grads[i].length !== p.theta.length) throw new Error(`grads[${i}] has another size`);
      stepParameter(p, groups[p.group], grads[i].map(fromHex), round);
    });
    const used = (key) => params.map((p, i) => (grads[i] === null ? null : toHex(p[key])));
    return {
      theta: params.map((p) => array(p.theta)),
      average: params.map((p) => array(p.average ?? p.theta)),
      eta: used("eta"),
      mu: used("mu"),
    };
  },

  set(request) {
    Object.assign(groups[request.group], takeHyper(request));
    return {};
  },

  // The state: what goes on living besides theta, which the caller keeps.
  save: () => ({
    state: {
      groups: groups.map((hyper) =>
        Object.fromEntries(
          Object.entries(hyper).map(([k, v]) => [k, typeof v === "number" ? toHex(v) : v]),
        ),
      ),
      params: params.map((p) => ({ t: p.t, average: array(p.average) })),
    },
  }),

  load({ state }) {
    if (state.groups.length !== groups.length || state.params.length !== params.length) {
      throw new Error("the state is of other shapes");
    }
    state.groups.forEach((hyper, i) => Object.assign(groups[i], takeHyper(hyper)));
    state.params.forEach(({ t, average }, i) => {
      params[i].t = t;
      params[i].average = average && Float64Array.from(average, fromHex);
    });
    return {};
  },

  close: () => ({}),
};

async function serve() {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = { ok: true, ...operations[request.op](request) };
    } catch (error) {
      answer = { ok: false, error: error.message };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    if (request.op === "close") break;
  }
  process.stdin.destroy(); // an input that stays open would keep Node running
}

// The frozen vectors: every number must be as near to the value as its bound says.

// Whether numbers, or lists of them, are within their bounds; null: nothing is specified.
function near(got, value, bound) {
  if (value === null) return true;
  if (Array.isArray(value)) return value.every((_, i) => near(got[i], value[i], bound[i]));
  return Math.abs(fromHex(got) - fromHex(value)) <= fromHex(bound);
}

function passes(vector) {
  operations.open(vector);
  return vector.events.every((event) => {
    const answer = operations[event.op](event);
    if (event.op === "set") return true;
    return ["eta", "theta", "mu", "average"].every((key) =>
      near(answer[key], event[key], event[`${key}_bound`]),
    );
  });
}

function check(path) {
  const { cases } = JSON.parse(readFileSync(path, "utf8"));
  const failed = cases.filter((vector) => !passes(vector));
  for (const { id, comment } of failed) console.log(`failed ${id}: ${comment}`);
  console.log(`${cases.length - failed.length} of ${cases.length} cases passed`);
  process.exitCode = failed.length ? 1 : 0;
}

if (process.argv.length > 2) check(process.argv[2]);
else await serve();
