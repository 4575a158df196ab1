#!/usr/bin/python3
"""The training step that people write in PyTorch today: MobileNetV2, norms frozen, a class logit and one box regressed
from pooled features, AdamW. Prints milliseconds an image and peak memory, for comparison with ours:

    tools/peer_step.py && bifocal bench --train --frozen-norms --batch 16

Needs Debian's python3-torch and python3-torchvision; a development tool, no part of the build.
"""
import argparse
import resource
import statistics
import time

import torch
import torchvision

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--steps", type=int, default=12)
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()

torch.set_num_threads(options.threads)
net = torchvision.models.mobilenet_v2(weights=None).features.train()
for module in net.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.eval()
        module.weight.requires_grad_(False)
        module.bias.requires_grad_(False)
logit, box = torch.nn.Linear(1280, 1), torch.nn.Linear(1280, 4)
parameters = [p for m in (net, logit, box) for p in m.parameters() if p.requires_grad]
optimiser = torch.optim.AdamW(parameters, lr=1e-4)
x = torch.randn(options.batch, 3, options.size, options.size)
y, target = torch.randint(0, 2, (options.batch, 1)).float(), torch.rand(options.batch, 4)

times = []
for step in range(options.steps):
    started = time.perf_counter()
    optimiser.zero_grad()
    pooled = net(x).mean((2, 3))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logit(pooled), y)
    loss = loss + torch.nn.functional.smooth_l1_loss(torch.sigmoid(box(pooled)), target)
    loss.backward()
    optimiser.step()
    if step > 1:
        times.append((time.perf_counter() - started) * 1000 / options.batch)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"torch {torch.__version__}: {statistics.median(times):.1f} ms an image (least {min(times):.1f}), peak {peak:.0f} MiB")
