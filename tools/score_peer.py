#!/usr/bin/python3
"""What `bifocal score` is measured against: DICOM files to probabilities by pydicom, GDCM and PyTorch, as scripts do it.
A ResNet-18 with two answers (a class, and a heat map at 1/4 of the side) on pictures fitted into a square; rows go to a CSV.

    score_peer.py FOLDER OUT.csv [--size 224] [--batch 8] [--threads 2]

Weights are random: time does not hang on them. Run by bench_score.py; no part of the build.
"""
import argparse
import csv
import os

import numpy
import pydicom
import torch
import torchvision
from pydicom.pixel_data_handlers.util import apply_modality_lut, convert_color_space


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        body = torchvision.models.resnet18(weights=None)
        self.stem = torch.nn.Sequential(body.conv1, body.bn1, body.relu, body.maxpool)
        self.stages = torch.nn.ModuleList([body.layer1, body.layer2, body.layer3, body.layer4])
        self.malignancy = torch.nn.Linear(512, 1)
        self.laterals = torch.nn.ModuleList([torch.nn.Conv2d(c, 64, 1) for c in (64, 128, 256, 512)])
        self.heat = torch.nn.Sequential(torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(64, 5, 1))

    def forward(self, x):
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        p = self.laterals[3](maps[3])
        for k in (2, 1, 0):
            p = torch.nn.functional.interpolate(p, scale_factor=2) + self.laterals[k](maps[k])
        return self.malignancy(x.mean((2, 3))), self.heat(p)


def picture(path, size):
    d = pydicom.dcmread(path)
    if "PixelData" not in d:
        raise ValueError("no pixel data")
    pixels = d.pixel_array
    if pixels.ndim == 3:
        if d.PhotometricInterpretation.startswith("YBR"):
            pixels = convert_color_space(pixels, d.PhotometricInterpretation, "RGB")
        pixels = pixels.mean(2)
    values = torch.from_numpy(numpy.ascontiguousarray(apply_modality_lut(pixels, d), dtype=numpy.float32))
    low, high = values.min(), values.max()
    values = (values - low) / max(float(high - low), 1e-6)
    if d.PhotometricInterpretation == "MONOCHROME1":
        values = 1 - values
    rows, columns = values.shape
    scale = size / max(rows, columns)
    fitted = (max(1, round(rows * scale)), max(1, round(columns * scale)))
    small = torch.nn.functional.interpolate(values[None, None], fitted, mode="bilinear", antialias=True)[0, 0]
    out = torch.zeros(size, size)
    y, x = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    out[y:y + fitted[0], x:x + fitted[1]] = small
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (out[None] - mean[:, None, None]) / deviation[:, None, None], d.SOPInstanceUID


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("output")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    net = Net().eval()
    paths = sorted(os.path.join(top, name) for top, _, names in os.walk(o.folder) for name in names)
    with open(o.output, "w", newline="") as f, torch.inference_mode():
        out = csv.writer(f)
        out.writerow(["file", "sop_instance_uid", "probability", "best_score", "best_x", "best_y", "message"])
        for first in range(0, len(paths), o.batch):
            good, pictures = [], []
            for path in paths[first:first + o.batch]:
                try:
                    values, uid = picture(path, o.size)
                    pictures.append(values)
                    good.append((path, uid))
                except Exception as e:
                    out.writerow([path, "", "", "", "", "", str(e)])
            if not good:
                continue
            logits, heat = net(torch.stack(pictures))
            scores = torch.sigmoid(heat[:, 0]).flatten(1).max(1)
            for k, (path, uid) in enumerate(good):
                at = int(scores.indices[k])
                out.writerow([path, uid, float(torch.sigmoid(logits[k, 0])), float(scores.values[k]),
                              at % heat.shape[3], at // heat.shape[3], ""])


if __name__ == "__main__":
    main()
