#!/usr/bin/python3
"""Golden numbers of torchvision's networks for tests/golden/test_backbones.c.

Weights and inputs come from a formula that both sides know, so that no trained weights are needed: number i of the
tensor called NAME is u(NAME, i) in (-1, 1), rounded to single precision and scaled by the kind of tensor (see value_of).
What follows from them is computed in double precision: the distance that the test sees is our own rounding. Needs Debian's python3-torch
and python3-torchvision. Usage: tools/make_golden.py [NETWORK...] > tests/golden/backbones.txt
With names only their lines are made.
"""
import sys

import numpy
import torch
import torchvision

MASK = (1 << 64) - 1
PICTURES = 96


def mix(z):
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def uniform(name, count):
    """FNV-1a of the name, plus the index times the golden ratio, mixed as in SplitMix64."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & MASK
    index = numpy.arange(count, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        z = mix(numpy.uint64(key) + index * numpy.uint64(0x9E3779B97F4A7C15))
    return (z >> numpy.uint64(40)).astype(numpy.float64) / (1 << 23) - 1.0


def value_of(name, tensor):
    u = uniform(name, tensor.numel())
    if name.endswith("running_mean"):
        v = 0.1 * u
    elif name.endswith("running_var"):
        v = 1.0 + 0.5 * numpy.abs(u)
    elif tensor.dim() == 1 and name.endswith("weight"):
        v = 1.0 + 0.1 * u
    elif tensor.dim() == 1:
        v = 0.1 * u
    else:
        v = u * numpy.sqrt(6.0 / (tensor.numel() // tensor.shape[0]))
    return torch.from_numpy(v.astype(numpy.float32).reshape(tensor.shape))


def network(name):
    with torch.no_grad():
        net = getattr(torchvision.models, name)(weights=None)
        for key, tensor in net.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                tensor.copy_(value_of(key, tensor))
    for module in net.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    return net.double()


def image(batch, size, number=0):
    values = uniform("input %d" % number if number else "input", batch * 3 * size * size)
    return torch.from_numpy(values.astype(numpy.float32).reshape(batch, 3, size, size)).double()


def kink_distance(net, x):
    """How close any activation comes to a bend of a ReLU: nearer than the rounding of either side, and the two
    implementations take different branches, after which their gradients differ by whole terms."""
    nearest = [float("inf")]

    def look(module, inputs):
        distance = inputs[0].abs().min()
        if isinstance(module, torch.nn.ReLU6):
            distance = torch.minimum(distance, (inputs[0] - 6).abs().min())
        nearest[0] = min(nearest[0], float(distance))

    hooks = [m.register_forward_pre_hook(look) for m in net.modules() if isinstance(m, (torch.nn.ReLU, torch.nn.ReLU6))]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return nearest[0]


def gradients_of(net, x):
    logits = net(x)
    weight = torch.from_numpy(uniform("slope", logits.numel()).astype(numpy.float32).reshape(logits.shape)).double()
    (logits * weight).sum().backward()
    return [(k, p.grad) for k, p in net.named_parameters() if p.grad is not None]


def choose_picture(name, batch, size, frozen):
    """Of many pictures the one that stays farthest from all bends."""
    net = network(name).train()
    if frozen:
        freeze_norms(net)
    number = max(range(PICTURES), key=lambda n: kink_distance(net, image(batch, size, n)))
    say_picture(name, number)
    return number


def say_picture(name, number):
    """The cases that follow are about this picture."""
    print(f"input {name} {number}")
    print(number)


LAST_OF_STRIDE = {
    "mobilenet_v2": (1, 3, 6, 13, 18),
    "squeezenet1_1": (1, 4, 7, 12),
    "efficientnet_b0": (1, 2, 3, 5, 8),
    "convnext_tiny": (1, 3, 5, 7),
}


def features(net, name, x):
    """The values that our heads build on, finest first."""
    found = []
    if name.startswith("resnet"):
        x = net.relu(net.bn1(net.conv1(x)))
        found.append(x)
        x = net.maxpool(x)
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
            found.append(x)
    elif name in LAST_OF_STRIDE:
        for i, block in enumerate(net.features):
            x = block(x)
            if i in LAST_OF_STRIDE[name]:
                found.append(x)
    elif name == "densenet121":
        for key, block in net.features.named_children():
            if key.startswith("transition"):
                x = block.relu(block.norm(x))
                found.append(x)
                x = block.pool(block.conv(x))
            else:
                x = block(x)
            if key == "relu0":
                found.append(x)
        found.append(torch.relu(x))
    else:
        pools = 0
        for module in net.features:
            if isinstance(module, torch.nn.MaxPool2d):
                if pools > 0:
                    found.append(x)
                pools += 1
            x = module(x)
        found.append(x)
    return found


def sampled(label, tensor, most):
    flat = tensor.detach().numpy().ravel()
    step = max(1, flat.size // most)
    index = numpy.arange(0, flat.size, step)[:most]
    print(label, flat.size, step, len(index), "%.9g" % numpy.sqrt(numpy.mean(flat.astype(numpy.float64) ** 2)))
    print(" ".join("%.9g" % v for v in flat[index]))


def forward_case(name, batch, size):
    net = network(name).eval()
    x = image(batch, size)
    say_picture(name, 0)
    with torch.no_grad():
        for i, value in enumerate(features(net, name, x)):
            sampled(f"feature {name} {batch} {size} {i}", value, 48)
        sampled(f"logits {name} {batch} {size} 0", net(x), 64)


def freeze_norms(net):
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
            module.weight.requires_grad_(False)
            module.bias.requires_grad_(False)


def gradient_case(name, batch, size, frozen, number):
    net = network(name).train()
    if frozen:
        freeze_norms(net)
    gradients_of(net, image(batch, size, number))
    named = [(k, p) for k, p in net.named_parameters() if p.grad is not None]
    # A shift that a later norm takes away has no gradient but rounding noise, which nobody can agree on.
    rms = {k: float(p.grad.double().pow(2).mean().sqrt()) for k, p in named}
    named = [(k, p) for k, p in named if rms[k] > 1e-5 * max(rms.values())]
    for k, p in named[:4] + named[len(named) // 2:len(named) // 2 + 4] + named[-4:]:
        sampled(f"gradient {name} {batch} {size} {int(frozen)} {k}", p.grad, 12)
    if not frozen:
        for k, b in list(net.named_buffers())[:2]:
            sampled(f"running {name} {batch} {size} 0 {k}", b, 12)


def losses_case(name, batch, size, frozen):
    net = network(name).train()
    if frozen:
        freeze_norms(net)
    # Rates at which torch's own ten losses move by less than 1e-5 when the input is changed in its last bits: at larger
    # ones MobileNetV2 on four small pictures amplifies rounding from step to step, and nobody can agree.
    rate = {"resnet18": (1e-5, 1e-4), "mobilenet_v2": (1e-7, 2e-5)}[name][frozen]
    step = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=rate, momentum=0.9)
    target = torch.arange(batch) * 7 % 1000
    found = []
    for _ in range(10):
        step.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(image(batch, size)), target)
        loss.backward()
        step.step()
        found.append(loss.item())
    say_picture(name, 0)
    print(f"losses {name} {batch} {size} {int(frozen)} {rate:g}")
    print(" ".join("%.9g" % v for v in found))


FORWARD = ("resnet18", "resnet34", "resnet50", "resnet101", "densenet121", "mobilenet_v2", "squeezenet1_1",
           "efficientnet_b0", "convnext_tiny", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19",
           "vgg19_bn")


def main():
    wanted = sys.argv[1:] or FORWARD
    torch.set_num_threads(2)
    print("# torch", torch.__version__, "torchvision", torchvision.__version__, "numpy", numpy.__version__)
    for name in FORWARD:
        if name not in wanted:
            continue
        forward_case(name, 2, 64)
        if not name.startswith("vgg"):
            forward_case(name, 1, 97)
        if name in ("mobilenet_v2", "resnet18", "efficientnet_b0"):
            forward_case(name, 1, 224)
        print(f"golden: {name}", file=sys.stderr)
    for name in ("resnet18", "mobilenet_v2"):
        for batch, size, frozen in ((2, 32, True), (4, 64, False)):
            if name in wanted:
                gradient_case(name, batch, size, frozen, choose_picture(name, batch, size, frozen))
                losses_case(name, 4, 64, frozen)
    # Frozen: over the eight pixels that VGG leaves of two small pictures, batch norms amplify rounding so much that torch's
    # own gradients in single and double precision differ by 4e-4.
    for name in ("resnet50", "densenet121", "squeezenet1_1", "vgg19_bn"):
        if name in wanted:
            gradient_case(name, 2, 32, True, choose_picture(name, 2, 32, True))
    # Without bends: any picture does.
    for name in ("efficientnet_b0", "convnext_tiny"):
        if name in wanted:
            say_picture(name, 0)
            gradient_case(name, 2, 64, True, 0)
    if "efficientnet_b0" in wanted:
        gradient_case("efficientnet_b0", 4, 64, False, 0)


main()
