// Evaluates with the reference JSONata as Step Functions does: JSON lines in, JSON lines out.
//
// In:  {"expression", "variables"}, the expression without its {% %}.
// Out: {"value"}, or {"error"} where Step Functions fails with States.QueryEvaluationError.
//
// Functions added and removed: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
const crypto = require("node:crypto");
const readline = require("node:readline");
const jsonata = require("jsonata");

// Step Functions stops an evaluation after a second. Seconds of the processor: others may be busy.
const MAX_MICROSECONDS = 1_000_000;
const MAX_DEPTH = 100; // not documented; its message says so

const HASHES = { MD5: "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" };

const FUNCTIONS = {
  parse(text) {
    if (text === undefined) return undefined;
    if (typeof text !== "string") throw new Error("$parse takes a string");
    return JSON.parse(text);
  },
  hash(text, algorithm) {
    if (text === undefined || algorithm === undefined) return undefined;
    if (typeof text !== "string" || !Object.hasOwn(HASHES, algorithm)) {
      throw new Error("$hash takes a string, and MD5, SHA-1, SHA-256, SHA-384 or SHA-512");
    }
    return crypto.createHash(HASHES[algorithm]).update(text, "utf8").digest("hex");
  },
  partition(list, size) {
    const length = Math.trunc(size);
    if (!list?.length || !(length > 0)) return undefined;
    const chunks = [];
    for (let start = 0; start < list.length; start += length) chunks.push(list.slice(start, start + length));
    return chunks;
  },
  range(start, end, step) {
    const [from, to, by] = [start, end, step].map(Math.trunc);
    const values = [];
    for (let value = from; by && (by > 0 ? value <= to : value >= to); value += by) values.push(value);
    return values.length > 1 ? values : values[0];
  },
  random(seed) {
    if (seed !== undefined) throw new Error("which number $random makes of a seed, only AWS knows");
    return Math.random();
  },
  uuid: () => crypto.randomUUID(),
};

const compiled = new Map();

function compile(expression) {
  if (!compiled.has(expression)) {
    const program = jsonata(expression);
    refuseContext(program.ast(), true);
    for (const [name, implementation] of Object.entries(FUNCTIONS)) {
      program.registerFunction(name, implementation);
    }
    program.assign("eval", undefined);
    compiled.set(expression, program);
  }
  const program = compiled.get(expression);
  limit(program);
  return program;
}

// An expression has no context: CreateStateMachine refuses what reads one (UNSUPPORTED_JSONATA_EXPRESSION).
// A path, its predicates and groups make one for what comes after its first step.
function refuseContext(node, isTop) {
  if (Array.isArray(node)) return node.forEach((each) => refuseContext(each, isTop));
  if (node === null || typeof node !== "object" || node instanceof RegExp) return;
  const isContext = node.type === "name" || (node.type === "variable" && node.value === "");
  if (isTop && isContext) throw new Error(`"${node.value}" at the top level`);
  if (node.type === "variable" && node.value === "$") throw new Error("$$ is not supported");
  for (const [key, part] of Object.entries(node)) {
    if (key === "steps") part.forEach((step, index) => refuseContext(step, isTop && index === 0));
    else refuseContext(part, isTop && !["predicate", "stages", "group", "terms"].includes(key));
  }
}

function limit(program) {
  const start = process.cpuUsage();
  let depth = 0;
  let steps = 0;
  program.assign(Symbol.for("jsonata.__evaluate_entry"), () => {
    if (++depth > MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels deep`);
    if (++steps % 1000 === 0 && process.cpuUsage(start).user > MAX_MICROSECONDS) {
      throw new Error(`more than ${MAX_MICROSECONDS} microseconds`);
    }
  });
  program.assign(Symbol.for("jsonata.__evaluate_exit"), () => { depth--; });
}

function asJson(value) {
  return JSON.stringify({ value }, (key, member) => {
    if (typeof member === "function") throw new Error(`a function, as ${key}, is no JSON`);
    return member;
  });
}

async function answer({ expression, variables }) {
  try {
    const value = await compile(expression).evaluate(undefined, variables);
    if (value === undefined) return JSON.stringify({ error: "returned nothing (undefined)" });
    return asJson(value);
  } catch (error) {
    return JSON.stringify({ error: [error.code, error.message].filter(Boolean).join(": ") });
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write((await answer(JSON.parse(line))) + "\n");
  }
}

main();
