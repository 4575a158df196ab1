// ONNX Runtime's side of tools/bench_peers.py: loads one network, then runs it as often as it is told.
//
//   NODE_PATH=CACHE/node_modules node tools/bench_peers_ort.js MODEL.onnx BATCH THREADS SPINNING
//
// stdin: one line "SECONDS" a round; stdout: "ready VERSION", then a JSON list of milliseconds an image for each round, and
// the peak memory in MiB when stdin ends.
"use strict";
const ort = require("onnxruntime-node");
const readline = require("readline");

const side = 224, least = 5;
const [file, batch, threads, spinning] = [process.argv[2], +process.argv[3], +process.argv[4], process.argv[5]];

async function once(session, feeds) {
  const from = process.hrtime.bigint();
  await session.run(feeds);
  return Number(process.hrtime.bigint() - from) / 1e6;
}

async function round(session, feeds, seconds) {
  const times = [];
  for (let total = 0; times.length < least || total < seconds * 1000;) {
    const ms = await once(session, feeds);
    total += ms;
    times.push(ms / batch);
  }
  return times;
}

async function main() {
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    extra: {session: {intra_op: {allow_spinning: spinning}}},
  });
  const values = Float32Array.from({length: batch * 3 * side * side}, () => Math.random() * 2 - 1);
  const feeds = {image: new ort.Tensor("float32", values, [batch, 3, side, side])};
  await once(session, feeds);
  await once(session, feeds);
  console.log(`ready ${ort.env.versions.node}`);
  for await (const line of readline.createInterface({input: process.stdin}))
    console.log(JSON.stringify(await round(session, feeds, parseFloat(line))));
  console.log(process.resourceUsage().maxRSS / 1024);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
