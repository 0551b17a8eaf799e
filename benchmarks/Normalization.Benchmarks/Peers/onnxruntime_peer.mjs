// Times ONNX Runtime's CPU normalization operators on request: the protocol is in README.md.
// usage: node onnxruntime_peer.mjs --threads N      (npm: onnxruntime-node, found through NODE_PATH, or in a
// node_modules folder of the current directory, of this file's directory or of one above them)
//
// The cost of one operator is (time of a chain of K - time of one) / (K - 1): this takes out the cost of the call,
// and the tensors between the operators come from the runtime's arena, which keeps its memory from run to run.
// Each of the two sessions has threads of its own that spin after a call, so they are timed one after the other.
// The models are written here, as protobuf bytes.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const cacheBytes = 2 ** 31, attempts = 3;
const say = answer => process.stdout.write(JSON.stringify(answer) + '\n');
const microseconds = () => Number(process.hrtime.bigint()) / 1e3;

class Unsupported extends Error {}

// Protobuf: a message is a list of fields; numbers are varints, everything else is prefixed with its length.
function varint(value) {
  const bytes = [];
  for (let v = BigInt(value); ; v >>= 7n) {
    if (v < 128n) return Buffer.from([...bytes, Number(v)]);
    bytes.push(Number(v & 127n) | 128);
  }
}
const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => Buffer.concat([varint(field << 3 | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));
const single = (field, value) => { const b = Buffer.alloc(4); b.writeFloatLE(value); return Buffer.concat([varint(field << 3 | 5), b]); };

// ONNX: field numbers as in onnx.proto.
const elementType = { float: 1, int64: 7 };
function attribute(name, value) {
  return name === 'epsilon'
    ? message(5, text(1, name), single(2, value), integer(20, 1))
    : message(5, text(1, name), integer(3, value < 0 ? BigInt.asUintN(64, BigInt(value)) : value), integer(20, 2));
}
const contributed = 'com.microsoft';
function node(type, inputs, outputs, attributes = {}, domain = '') {
  return message(1, ...inputs.map(i => text(1, i)), ...outputs.map(o => text(2, o)), text(4, type),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)), ...domain ? [text(7, domain)] : []);
}
function initializer(name, type, dims, data) {
  return message(5, ...dims.map(d => integer(1, d)), integer(2, elementType[type]), text(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
}
function tensorInfo(field, name, dims) {
  const shape = message(2, ...dims.map(d => message(1, integer(1, d))));
  return message(field, text(1, name), message(2, message(1, integer(1, elementType.float), shape)));
}

// K copies of one operator in a chain, each with the output of the one before and, where it adds a residual, its sum; only one element leaves the graph, because a large output would be a fresh
// buffer, hence page faults, in every run.
function model(dims, operator, count) {
  const names = ['x', ...Array.from({ length: count }, (_, i) => `t${i}`)], vectorNames = Object.keys(operator.vectors);
  const sum = i => i === 0 ? 'x' : `s${i}`;
  const nodes = names.slice(1).map((name, i) => operator.residual
    ? node(operator.type, [names[i], sum(i), ...vectorNames], [name, '', '', sum(i + 1)], operator.attributes, operator.domain)
    : node(operator.type, [names[i], ...vectorNames], [name], operator.attributes, operator.domain));
  nodes.push(node('Slice', [names[count], 'from', 'to'], ['y']));
  const vectors = Object.entries(operator.vectors).map(([name, v]) => initializer(name, 'float', v.dims, v.data));
  const bounds = [['from', 0n], ['to', 1n]].map(([name, value]) =>
    initializer(name, 'int64', [dims.length], new BigInt64Array(dims.length).fill(value)));
  const graph = message(7, ...nodes, text(2, 'chain'), ...vectors, ...bounds, tensorInfo(11, 'x', dims),
    tensorInfo(12, 'y', dims.map(() => 1)));
  return Buffer.concat([integer(1, operator.opset < 21 ? 8 : 10), graph, message(8, text(1, ''), integer(2, operator.opset)),
    ...operator.domain ? [message(8, text(1, operator.domain), integer(2, 1))] : []]);
}

function vector(dims, offset) {
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = offset + (i * 37 % 101) / 505;
  return { dims, data };
}

function operatorFor(op, dims, groups, layout) {
  const channels = [dims[1]], row = dims.slice(1), epsilon = 1e-5;
  const affine = shape => ({ weight: vector(shape, 0.9), bias: vector(shape, -0.1) });
  if (layout === 'channels-last' && op === 'groupnorm-forward') {
    return { type: 'GroupNorm', domain: contributed, opset: 17, attributes: { epsilon, groups, activation: 0, channels_last: 1 },
      vectors: affine(channels), dims: [dims[0], ...dims.slice(2), dims[1]] };
  }
  if (layout !== 'plain') throw new Unsupported(`ONNX Runtime has no ${layout} layout for its users`);
  switch (op) {
    case 'add-layernorm-forward':
      return { type: 'SkipLayerNormalization', domain: contributed, opset: 17, attributes: { epsilon }, vectors: affine(row), residual: true };
    case 'add-rmsnorm-forward':
      return { type: 'SkipSimplifiedLayerNormalization', domain: contributed, opset: 17, attributes: { epsilon },
        vectors: { weight: vector(row, 0.9) }, residual: true };
    case 'batchnorm-eval':
      return { type: 'BatchNormalization', opset: 15, attributes: { epsilon },
        vectors: { ...affine(channels), mean: vector(channels, -0.1), variance: vector(channels, 0.9) } };
    case 'layernorm-forward':
      return { type: 'LayerNormalization', opset: 17, attributes: { axis: 1, epsilon }, vectors: affine(row) };
    case 'rmsnorm-forward':
      return { type: 'RMSNormalization', opset: 23, attributes: { axis: 1, epsilon }, vectors: { weight: vector(row, 0.9) } };
    case 'groupnorm-forward':
      return { type: 'GroupNormalization', opset: 21, attributes: { num_groups: groups, epsilon }, vectors: affine(channels) };
    case 'instancenorm-forward':
      return { type: 'InstanceNormalization', opset: 17, attributes: { epsilon }, vectors: affine(channels) };
    default:
      throw new Unsupported('the package of ONNX Runtime has inference only, and fuses into it nothing but a residual');
  }
}

// The same numbers again and again, with a prime period: to draw all of a large tensor takes longer than to time it.
function normal(dims) {
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1)), period = Math.min(data.length, 65537);
  let state = 1;
  const uniform = () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) / 2 ** 32;
  for (let i = 0; i < period; i++) data[i] = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  for (let i = period; i < data.length; i += period) data.copyWithin(i, 0, Math.min(period, data.length - i));
  return data;
}

async function prepare(ort, op, dims, groups, layout, threads) {
  const operator = operatorFor(op, dims, groups, layout), data = normal(dims), shape = operator.dims ?? dims;
  const count = data.length <= 1 << 17 ? 129 : data.length <= 1 << 22 ? 17 : 5;
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3 };
  const sessions = [];
  for (const k of [1, count]) sessions.push(await ort.InferenceSession.create(model(shape, operator, k), options));
  const feeds = { x: new ort.Tensor('float32', data, shape) };
  // The session's own `run` checks and copies its arguments before it calls this handler.
  const run = session => session.handler.run(feeds, { y: null }, {});
  return { one: () => run(sessions[0]), chain: () => run(sessions[1]), count, release: () => Promise.all(sessions.map(s => s.release())) };
}

// The runtime's threads spin for a while after a call: let them sleep before anything else is timed.
const settle = () => new Promise(resolve => setTimeout(resolve, 40));

async function sample(call, milliseconds) {
  const start = microseconds();
  for (let warm = 0; warm < 1 || microseconds() - start < 5e3; warm++) await call();
  const samples = [];
  for (const end = microseconds() + milliseconds * 1e3; samples.length < 3 || microseconds() < end;) {
    const begin = microseconds();
    await call();
    samples.push(microseconds() - begin);
  }
  await settle();
  samples.sort((a, b) => a - b);
  return { median: samples[samples.length >> 1], min: samples[0], count: samples.length };
}

async function measure(prepared, milliseconds) {
  const node = (a, b) => Number(Math.max(0, (b - a) / (prepared.count - 1)).toFixed(4));
  for (let attempt = 1; ; attempt++) {
    const one = await sample(prepared.one, milliseconds / 4), chain = await sample(prepared.chain, milliseconds * 3 / 4);
    const median_us = node(one.median, chain.median), min_us = node(one.min, chain.min);
    // A median below the minimum says that the single calls were disturbed and the chain was not.
    if (median_us >= min_us || attempt === attempts)
      return { median_us, min_us, calls: chain.count * prepared.count, single_us: Number(one.median.toFixed(4)) };
  }
}

function load() {
  for (const base of [process.cwd(), fileURLToPath(new URL('.', import.meta.url))]) {
    try { return createRequire(join(base, 'x.js'))('onnxruntime-node'); } catch (e) { if (e.code !== 'MODULE_NOT_FOUND') throw e; }
  }
  console.error('onnxruntime-node is not installed');
  process.exit(1);
}

const ort = load();
const threads = Number(process.argv[process.argv.indexOf('--threads') + 1]) || 1;
const cases = new Map();
let held = 0;
async function forget() {
  for (const c of cases.values()) await c.release();
  cases.clear();
  held = 0;
}

say({ ready: true, library: 'ONNX Runtime', version: ort.env.versions.node });
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const { op, shape, groups = 0, layout = 'plain', milliseconds = 150 } = JSON.parse(line);
  if (op === 'forget') { await forget(); say({ op }); continue; }
  const key = [op, shape, groups, layout].join(' ');
  try {
    if (!cases.has(key)) {
      const dims = shape.split('x').map(Number), size = 16 * dims.reduce((a, b) => a * b, 1);
      if (held + size > cacheBytes) await forget();
      cases.set(key, await prepare(ort, op, dims, groups, layout, threads));
      held += size;
    }
    say({ op, shape, layout, ...await measure(cases.get(key), milliseconds) });
  } catch (e) {
    say({ op, shape, layout, unsupported: e instanceof Unsupported ? e.message : String(e).slice(0, 200) });
  }
}
await forget();
