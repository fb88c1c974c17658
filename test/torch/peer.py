"""One training step in PyTorch, written from the paper and docs/paper.md, independent of igcnet's code.

usage: peer.py, with a FOLDER on each line of stdin. Reads FOLDER/job.json (the network as blocks, options, and where each tensor lies in
FOLDER/job.bin), computes loss, gradients, updated parameters, momenta and running averages, and writes them as
FOLDER/result.json and FOLDER/result.bin in the same form. Letters: L primary partitions, M channels in each.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

DTYPES = {"float64": "<f8", "float32": "<f4", "int32": "<i4"}


def read_tensors(folder, name):
    with open(f"{folder}/{name}.json") as file:
        header = json.load(file)
    with open(f"{folder}/{name}.bin", "rb") as file:
        data = file.read()
    tensors = {}
    for entry in header["tensors"]:
        count = int(numpy.prod(entry["shape"]))
        array = numpy.frombuffer(data, DTYPES[entry["type"]], count, entry["offset"])
        tensors[entry["name"]] = torch.from_numpy(array.copy()).reshape(entry["shape"])
    return header, tensors


def write_tensors(folder, name, tensors):
    entries, offset = [], 0
    with open(f"{folder}/{name}.bin", "wb") as file:
        for key, tensor in tensors.items():
            array = tensor.detach().contiguous().numpy()
            entries.append({"name": key, "type": str(array.dtype), "shape": list(array.shape), "offset": offset})
            offset += file.write(array.tobytes())
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump({"tensors": entries}, file)


class Net:
    """The network's functions over one set of parameters and running averages, by path."""

    def __init__(self, parameters, running, options):
        self.parameters = parameters
        self.running = running
        self.epsilon = options["epsilon"]
        self.old_weight = options["oldWeight"]

    def conv(self, path, x, groups=1, stride=1):
        weight = self.parameters[f"{path}/weight"]
        padding = [(size - 1) // 2 for size in weight.shape[2:]]
        return F.conv2d(x, weight, stride=stride, padding=padding, groups=groups)

    def batch_norm(self, path, x):
        return F.batch_norm(
            x,
            self.running[f"{path}/mean"],
            self.running[f"{path}/variance"],
            self.parameters[f"{path}/gamma"],
            self.parameters[f"{path}/beta"],
            training=True,
            momentum=1 - self.old_weight,
            eps=self.epsilon,
        )

    def primary(self, block, x, stride):
        """The convolutions of the primary partitions, in a row, each of them perhaps as k x 1 and 1 x k."""
        path, L, count = f"{block['path']}/primary", block["L"], block.get("primaryConvolutions", 1)
        for i in range(count):
            part = path if count == 1 else f"{path}/conv{i + 1}"
            step = stride if i == 0 else 1
            if block.get("split"):
                x = self.conv(f"{part}/row", self.conv(f"{part}/column", x, L), L, step)
            else:
                x = self.conv(part, x, L, step)
            if block.get("bn") == "both":
                x = self.batch_norm(f"{part}/bn", x)
            if block.get("between") == "relu":
                x = F.relu(x)
        return x

    def convolutions(self, block, x):
        path, stride = block["path"], block["stride"]
        if block["kind"] == "regular":
            return self.conv(f"{path}/conv", x, stride=stride)
        L, M, path = block["L"], block["M"], f"{path}/secondary"
        partitions = M // block.get("bottleneck", 1)
        if block.get("quirk") == "resnet_igc":
            partitions = x.shape[1] // L
        late = block["kernel"] == 1 and block.get("secondaryKernel", 1) > 1
        x = self.primary(block, x, 1 if late else stride)
        stride = stride if late else 1
        if block.get("secondary") == "full":
            return self.conv(path, x, 1, stride)
        # [L][M'] -> [M'][L]: channel m of every primary partition comes together.
        n, c, h, w = x.shape
        x = x.view(n, L, c // L, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = self.conv(path, x, partitions, stride)
        n, c, h, w = x.shape
        if block.get("quirk") == "resnet_igc":
            # Reorder(b): out[j b + i] = in[i (C/b) + j]
            return x.view(n, partitions, c // partitions, h, w).transpose(1, 2).reshape(n, c, h, w)
        # [M'][L][b] -> [L][M'][b]: the l-th b outputs of every secondary partition go into primary partition l.
        return x.view(n, partitions, L, -1, h, w).transpose(1, 2).reshape(n, c, h, w)

    def activated(self, path, x):
        return F.relu(self.batch_norm(f"{path}/bn", x))

    def normalized(self, block, x):
        return self.batch_norm(f"{block['path']}/bn", self.convolutions(block, x))

    def block(self, block, x):
        if block["kind"] == "residual":
            return self.residual(block, x)
        if block["kind"] == "maxPool":
            return F.max_pool2d(x, block["kernel"], block["stride"], block["pad"])
        if block.get("bn") == "none":
            return self.convolutions(block, x)
        if block.get("bn") == "before":
            return self.convolutions(block, self.activated(block["path"], x))
        return F.relu(self.normalized(block, x))

    def residual(self, block, x):
        path, projection = block["path"], block["projection"]
        first, second = block["body"]
        before = first.get("bn") == "before"
        start = self.activated(first["path"], x) if before else x
        if before:
            body = self.convolutions(first, start)
            body = self.convolutions(second, self.activated(second["path"], body))
        else:
            body = self.normalized(second, F.relu(self.normalized(first, x)))
        shortcut = x
        if projection is not None:
            shortcut = self.conv(f"{path}/projection/conv", start, projection["groups"], first["stride"])
            if not before:
                shortcut = self.batch_norm(f"{path}/projection/bn", shortcut)
        return body + shortcut if before else F.relu(body + shortcut)

    def logits(self, blocks, x):
        for block in blocks:
            x = self.block(block, x)
        if "head/bn/gamma" in self.parameters:
            x = self.activated("head", x)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return F.linear(x, self.parameters["head/fc/weight"], self.parameters["head/fc/bias"])


def copies(tensors):
    return {name: tensor.clone() for name, tensor in tensors.items()}


def averages(many):
    return {name: torch.stack([tensors[name] for tensors in many]).mean(0) for name in many[0]}


def main(folder):
    torch.set_num_threads(1)  # Busy cores make torch's waiting threads cost more than they give.
    job, tensors = read_tensors(folder, "job")
    options = job["options"]

    def section(name):
        return {key[len(name) :]: tensor for key, tensor in tensors.items() if key.startswith(name)}

    parameters = {name: tensor.requires_grad_() for name, tensor in section("parameter:").items()}
    optimizer = torch.optim.SGD(
        parameters.values(),
        lr=options["learningRate"],
        momentum=options["momentum"],
        nesterov=True,
        weight_decay=options["weightDecay"],
    )
    for name, momentum in section("momentum:").items():
        optimizer.state[parameters[name]]["momentum_buffer"] = momentum

    # Each replica is a copy of the network that sees its part of the batch.
    logits, losses, gradients, running = [], [], [], []
    images = tensors["images"].chunk(options["replicas"])
    labels = tensors["labels"].long().chunk(options["replicas"])
    for part, wanted in zip(images, labels):
        leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in parameters.items()}
        net = Net(leaves, copies(section("running:")), options)
        output = net.logits(job["blocks"], part)
        loss = F.cross_entropy(output, wanted, label_smoothing=options["smoothing"])
        loss.backward()
        logits.append(output)
        losses.append(loss)
        gradients.append({name: leaf.grad for name, leaf in leaves.items()})
        running.append(net.running)
    for name, gradient in averages(gradients).items():
        parameters[name].grad = gradient
    optimizer.step()

    result = {"logits": torch.cat(logits), "loss": torch.stack(losses).mean().reshape(1)}
    for name, parameter in parameters.items():
        result[f"gradient:{name}"] = parameter.grad
        result[f"parameter:{name}"] = parameter
        result[f"momentum:{name}"] = optimizer.state[parameter]["momentum_buffer"]
    for name, tensor in averages(running).items():
        result[f"running:{name}"] = tensor
    write_tensors(folder, "result", result)


if __name__ == "__main__":
    for line in sys.stdin:
        main(line.rstrip("\n"))
        print("done", flush=True)
