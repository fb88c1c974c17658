"""The same networks in PyTorch, timed on request: the peer of `npm run bench`.

Reads one JSON object per line from standard input, answers one per line:
  {"do": "start", "spec": NetSpec, "batch": 64, "threads": 2}  ->  {"version": "1.13.0", "layouts": [...], "parameters": 155962}
  {"do": "train" | "inference", "layout": "contiguous" | "channels_last", "steps": 3}  ->  {"ms": [...]}
Letters: L primary partitions, M channels per primary partition after the block.
"""

import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def batch_norm(channels, bn):
    return nn.BatchNorm2d(channels, eps=bn["epsilon"], momentum=1 - bn["oldWeight"])


def conv(channels, out, kernel, stride=1, groups=1):
    """Same padding, no bias; kernel is one number or (height, width)."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nn.Conv2d(channels, out, (height, width), stride, (height // 2, width // 2), groups=groups, bias=False)


def convolutions(channels, block, bn):
    """The convolutions of one block, and how many channels they give."""
    k, stride = block["kernel"], block["stride"]
    if block["kind"] == "igc":
        return Igc(channels, block, bn), block["L"] * block["M"]
    if block["kind"] == "sumFusion":
        return SumFusion(channels, block["branches"], block["outChannels"], k, stride), block["outChannels"]
    return conv(channels, block["outChannels"], k, stride), block["outChannels"]


class Igc(nn.Module):
    """primary -> interleave -> secondary -> restore, with the variants that the spec names."""

    def __init__(self, channels, block, bn):
        super().__init__()
        self.L, M, k = block["L"], block["M"], block["kernel"]
        second, b = block.get("secondaryKernel", 1), block.get("bottleneck", 1)
        late = k == 1 and second > 1  # a 1x1 primary leaves the stride to a spatial secondary
        self.partitions = M // b
        if block.get("quirk") == "resnet_igc":
            self.partitions, self.quirk = channels // self.L, True
        else:
            self.quirk = False
        inner, layers = self.L * (M // b), []
        for i in range(block.get("primaryConvolutions", 1)):
            stride = block["stride"] if i == 0 and not late else 1
            if block.get("split"):
                layers += [conv(channels, inner, (k, 1), 1, self.L), conv(inner, inner, (1, k), stride, self.L)]
            else:
                layers.append(conv(channels, inner, k, stride, self.L))
            channels = inner
            if block.get("bn") == "both":
                layers.append(batch_norm(inner, bn))
            if block.get("between") == "relu":
                layers.append(nn.ReLU())
        self.primary = layers[0] if len(layers) == 1 else nn.Sequential(*layers)
        self.full = block.get("secondary") == "full"
        stride = block["stride"] if late else 1
        self.secondary = conv(inner, self.L * M, second, stride, 1 if self.full else self.partitions)

    def forward(self, x):
        y = self.primary(x)
        if self.full:
            return self.secondary(y)
        n, c, h, w = y.shape
        y = self.secondary(y.view(n, self.L, c // self.L, h, w).transpose(1, 2).reshape(n, c, h, w))
        n, c, h, w = y.shape
        if self.quirk:
            return y.view(n, self.partitions, -1, h, w).transpose(1, 2).reshape(n, c, h, w)
        return y.view(n, self.partitions, self.L, -1, h, w).transpose(1, 2).reshape(n, c, h, w)


class SumFusion(nn.Module):
    def __init__(self, channels, branches, out, kernel, stride):
        super().__init__()
        make = lambda: nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.branches = nn.ModuleList([make() for _ in range(branches)])

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)


class Block(nn.Module):
    """Convolutions and their batch norm, before or after them; `relu` only where the batch norm comes after."""

    def __init__(self, channels, block, bn, relu=True):
        super().__init__()
        place = block.get("bn", "after")
        conv, self.channels = convolutions(channels, block, bn)
        if place == "before":
            layers = [batch_norm(channels, bn), nn.ReLU(), conv]
        elif place == "none":
            layers = [conv]
        else:
            layers = [conv, batch_norm(self.channels, bn)] + ([nn.ReLU()] if relu else [])
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Residual(nn.Module):
    def __init__(self, channels, block, bn):
        super().__init__()
        self.before = all(part.get("bn") == "before" for part in block["body"])
        parts, c, stride = [], channels, 1
        for i, part in enumerate(block["body"]):
            parts.append(Block(c, part, bn, relu=i + 1 < len(block["body"])))
            c, stride = parts[-1].channels, stride * part["stride"]
        self.body, self.channels = nn.ModuleList(parts), c
        self.projection = None
        if block["projection"]:
            projection = conv(channels, c, 1, stride, block["projection"]["groups"])
            self.projection = projection if self.before else nn.Sequential(projection, batch_norm(c, bn))

    def forward(self, x):
        y = x
        if self.before:
            y = self.body[0].layers[:2](x)
            shortcut = self.projection(y) if self.projection else x
            y = self.body[0].layers[2](y)
        else:
            shortcut = self.projection(x) if self.projection else x
            y = self.body[0](x)
        for part in self.body[1:]:
            y = part(y)
        return y + shortcut if self.before else F.relu(y + shortcut)


def network(spec):
    layers, c, bn, before = [], spec["input"]["channels"], spec["batchNorm"], False
    for block in spec["blocks"]:
        if block["kind"] == "maxPool":
            layers.append(nn.MaxPool2d(block["kernel"], block["stride"], block["pad"]))
            continue
        layers.append(Residual(c, block, bn) if block["kind"] == "residual" else Block(c, block, bn))
        c = layers[-1].channels
        before = layers[-1].before if block["kind"] == "residual" else block.get("bn") == "before"
    if before:
        layers += [batch_norm(c, bn), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, spec["classes"]))


LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Runner:
    def __init__(self, spec, batch, layout):
        torch.manual_seed(0)
        memory = LAYOUTS[layout]
        shape = spec["input"]
        self.net = network(spec).to(memory_format=memory)
        self.optimizer = torch.optim.SGD(self.net.parameters(), 0.001, 0.9, weight_decay=1e-4, nesterov=True)
        self.images = torch.randn(batch, shape["channels"], shape["height"], shape["width"]).contiguous(memory_format=memory)
        self.labels = torch.randint(0, spec["classes"], (batch,))

    def train(self):
        self.optimizer.zero_grad()
        F.cross_entropy(self.net(self.images), self.labels).backward()
        self.optimizer.step()

    def inference(self):
        with torch.inference_mode():
            self.net(self.images)

    def time(self, what, steps):
        self.net.train(what == "train")
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            getattr(self, what)()
            times.append((time.perf_counter() - start) * 1e3)
        return times


def main():
    runners = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            torch.set_num_threads(request["threads"])
            runners = {name: Runner(request["spec"], request["batch"], name) for name in LAYOUTS}
            count = sum(tensor.numel() for tensor in runners["contiguous"].net.parameters())
            answer = {"version": torch.__version__, "layouts": list(LAYOUTS), "parameters": count}
        else:
            answer = {"ms": runners[request["layout"]].time(request["do"], request["steps"])}
        print(json.dumps(answer), flush=True)


main()
