"""The same networks in PyTorch, timed on request: the peer of `npm run bench`.

Reads one JSON object per line from standard input, answers one per line:
  {"do": "start", "spec": NetSpec, "batch": 64, "threads": 2}
      ->  {"version": "1.13.0", "layouts": {"train": [...], "inference": [...]}, "parameters": 155962}
  {"do": "train" | "inference", "layout": "contiguous", "steps": 3}  ->  {"ms": [...]} or {"error": "..."}
  {"do": "memory"}  ->  {"peakBytes": ..., "startBytes": ...}: resident, now at most and before there was a network
Layouts are contiguous and channels_last; and what torch's graph compilers make of it: compiled (torch.compile of
2.x; inference with frozen weights), before it torchscript for inference. The first step of a layout compiles.
Letters: L primary partitions, M channels per primary partition after the block.
"""

import importlib
import json
import resource
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


HAS_COMPILE = hasattr(torch, "compile")
LAYOUTS = {
    "train": ["contiguous", "channels_last"] + ["compiled"] * HAS_COMPILE,
    "inference": ["contiguous", "channels_last", "compiled" if HAS_COMPILE else "torchscript"],
}


class Runner:
    """One network in one layout, for training or for inference."""

    def __init__(self, spec, batch, what, layout):
        torch.manual_seed(0)
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        shape = spec["input"]
        self.net = network(spec).to(memory_format=memory).train(what == "train")
        self.images = torch.randn(batch, shape["channels"], shape["height"], shape["width"]).contiguous(memory_format=memory)
        self.labels = torch.randint(0, spec["classes"], (batch,))
        self.step = self.train if what == "train" else self.inference
        if what == "train":
            options = {"fused": True} if HAS_COMPILE else {}
            self.optimizer = torch.optim.SGD(
                self.net.parameters(), 0.001, 0.9, weight_decay=1e-4, nesterov=True, **options
            )
            self.loss = lambda: F.cross_entropy(self.net(self.images), self.labels)
            self.run = torch.compile(self.loss) if layout == "compiled" else self.loss
        elif layout == "compiled":
            importlib.import_module("torch._inductor.config").freezing = True
            self.run = torch.compile(self.net)
        elif layout == "torchscript":
            with torch.no_grad():
                self.run = torch.jit.optimize_for_inference(torch.jit.trace(self.net, self.images))
        else:
            self.run = self.net

    def train(self):
        self.optimizer.zero_grad()
        self.run().backward()
        self.optimizer.step()

    def inference(self):
        with torch.no_grad():
            self.run(self.images)

    def time(self, steps):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            times.append((time.perf_counter() - start) * 1e3)
        return times


def resident_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Peer:
    def start(self, request):
        torch.set_num_threads(request["threads"])
        self.spec, self.batch, self.runners = request["spec"], request["batch"], {}
        self.start_bytes = resident_bytes()
        count = sum(tensor.numel() for tensor in network(self.spec).parameters())
        return {"version": torch.__version__, "layouts": LAYOUTS, "parameters": count}

    def time(self, what, layout, steps):
        if (what, layout) not in self.runners:
            self.runners[what, layout] = Runner(self.spec, self.batch, what, layout)
        return {"ms": self.runners[what, layout].time(steps)}

    def answer(self, request):
        if request["do"] == "start":
            return self.start(request)
        if request["do"] == "memory":
            return {"peakBytes": resident_bytes(), "startBytes": self.start_bytes}
        try:
            return self.time(request["do"], request["layout"], request["steps"])
        except Exception as error:  # a layout that torch cannot do is left out, with its reason
            return {"error": f"{type(error).__name__}: {error}".split("\n")[0]}


def main():
    peer = Peer()
    for line in sys.stdin:
        print(json.dumps(peer.answer(json.loads(line))), flush=True)


main()
