#!/bin/sh
# The whole way on synthetic studies: DICOM in, a trained model, scores of unseen studies, figures and a picture sheet.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
sh tools/setup.sh
started=$(date +%s)
sh tools/build.sh release
built=$(date +%s)
bifocal="$top/build/release/bifocal"
out=${1:-"$top/demo-out"}
rm -rf "$out"
mkdir -p "$out"

echo "== synthetic ultrasound studies: some to learn from, others to be tested on"
"$bifocal" phantom -o "$out/studies" --studies 120 --seed 1
"$bifocal" phantom -o "$out/unseen" --studies 40 --seed 2

echo "== ingest: DICOM and labels to one dataset file"
"$bifocal" ingest "$out/studies" --labels "$out/studies/labels.csv" --labels "$out/studies/boxes.csv" -o "$out/data.h5"

echo "== train: one backbone, two heads"
"$bifocal" train configs/demo.yaml --data "$out/data.h5" -o "$out/run"

echo "== score studies that the model has never seen"
"$bifocal" score "$out/run/model.safetensors" "$out/unseen/studies" --heat -o "$out/scores.h5"

echo "== evaluate"
"$bifocal" evaluate "$out/scores.h5" --labels "$out/unseen/labels.csv" --labels "$out/unseen/boxes.csv" \
  --model "$out/run/model.safetensors" -o "$out/report"
"$bifocal" export "$out/scores.h5" --format sheet --labels "$out/unseen/labels.csv" --labels "$out/unseen/boxes.csv" -o "$out"

echo
finished=$(date +%s)
echo "done in $((finished - started)) s, $((built - started)) s of them for building"
echo "scores:        $out/scores.h5"
echo "report:        $out/report/report.html"
echo "picture sheet: $out/sheet.png"
