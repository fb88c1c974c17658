"""The same networks in PyTorch, timed on request: the peer of `npm run bench`.

Reads one JSON object per line from standard input, answers one per line:
  {"do": "start", "spec": NetSpec, "batch": 64, "threads": 2}  ->  {"version": "1.13.0", "layouts": [...]}
  {"do": "train" | "inference", "layout": "contiguous" | "channels_last", "steps": 3}  ->  {"ms": [...]}
Letters: L primary partitions, M channels per primary partition after the block.
"""

import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def conv_bn(channels, block, bn):
    """The convolutions of one block and its batch norm; the ReLU is the caller's."""
    k, stride = block["kernel"], block["stride"]
    if block["kind"] == "igc":
        conv, out = Igc(channels, block["L"], block["M"], k, stride), block["L"] * block["M"]
    elif block["kind"] == "sumFusion":
        conv, out = SumFusion(channels, block["branches"], block["outChannels"], k, stride), block["outChannels"]
    else:
        out = block["outChannels"]
        conv = nn.Conv2d(channels, out, k, stride, k // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out, eps=bn["epsilon"], momentum=1 - bn["oldWeight"])), out


class Igc(nn.Module):
    def __init__(self, channels, L, M, kernel, stride):
        super().__init__()
        self.L, self.M = L, M
        self.primary = nn.Conv2d(channels, L * M, kernel, stride, kernel // 2, groups=L, bias=False)
        self.secondary = nn.Conv2d(L * M, L * M, 1, groups=M, bias=False)

    def forward(self, x):
        y = self.primary(x)
        n, c, h, w = y.shape
        y = y.view(n, self.L, self.M, h, w).transpose(1, 2).reshape(n, c, h, w)
        y = self.secondary(y)
        return y.view(n, self.M, self.L, h, w).transpose(1, 2).reshape(n, c, h, w)


class SumFusion(nn.Module):
    def __init__(self, channels, branches, out, kernel, stride):
        super().__init__()
        make = lambda: nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.branches = nn.ModuleList([make() for _ in range(branches)])

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)


class Residual(nn.Module):
    def __init__(self, channels, block, bn):
        super().__init__()
        parts, c, stride = [], channels, 1
        for part in block["body"]:
            module, c = conv_bn(c, part, bn)
            stride *= part["stride"]
            parts.append(module)
        self.body, self.channels = nn.ModuleList(parts), c
        self.projection = None
        if block["projection"]:
            conv = nn.Conv2d(channels, c, 1, stride, groups=block["projection"]["groups"], bias=False)
            self.projection = nn.Sequential(conv, nn.BatchNorm2d(c, eps=bn["epsilon"], momentum=1 - bn["oldWeight"]))

    def forward(self, x):
        y = x
        for i, part in enumerate(self.body):
            y = part(y) if i + 1 == len(self.body) else F.relu(part(y))
        return F.relu(y + (self.projection(x) if self.projection else x))


def network(spec):
    layers, c, bn = [], spec["input"]["channels"], spec["batchNorm"]
    for block in spec["blocks"]:
        if block["kind"] == "residual":
            layers.append(Residual(c, block, bn))
            c = layers[-1].channels
        else:
            module, c = conv_bn(c, block, bn)
            layers += [module, nn.ReLU()]
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
            answer = {"version": torch.__version__, "layouts": list(LAYOUTS)}
        else:
            answer = {"ms": runners[request["layout"]].time(request["do"], request["steps"])}
        print(json.dumps(answer), flush=True)


main()
