"""A network exported by igcnet, in PyTorch: `load(folder)`, or `python igcnet_torch.py <image> [<folder>]`.

config.json has the network's graph: nodes in order of computation, each with its operation and the nodes that it
reads. model.safetensors has the weights by the nodes' paths, with `.` for `/`. Needs torch only; classifying files
also Pillow.
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


class IGCNet(nn.Module):
    """The nodes of a graph as modules called by their paths; the logits [N][classes] of images [N][C][H][W]."""

    def __init__(self, graph, epsilon):
        super().__init__()
        self.graph = [node for node in graph if node["op"]["kind"] != "softmaxCrossEntropy"]
        for node in self.graph:
            module = make_module(node["op"], self.graph, node["inputs"], epsilon)
            if module is not None:
                place(self, node["path"].split("/"), module)

    def forward(self, images):
        values = []
        for node in self.graph:
            inputs = [values[i] for i in node["inputs"]]
            values.append(images if node["op"]["kind"] == "input" else self.compute(node, inputs))
        return values[-1]

    def compute(self, node, inputs):
        op, x = node["op"], inputs[0] if inputs else None
        kind = op["kind"]
        if kind in ("conv", "batchNorm"):
            return self.get_submodule(node["path"].replace("/", "."))(x)
        if kind == "permute":  # result channel c is the input's channel map[c]
            return x[:, op["map"]]
        if kind == "relu":
            return F.relu(x)
        if kind == "add":
            return sum(inputs)
        if kind == "averagePool":
            return F.avg_pool2d(x, op["kernel"], op["stride"])
        if kind == "maxPool":
            return F.max_pool2d(x, op["kernel"], op["stride"], op["pad"])
        if kind == "linear":
            return self.get_submodule(node["path"].replace("/", "."))(x.flatten(1))
        raise ValueError(f"{node['path']}: unknown operation {kind}")


def make_module(op, graph, inputs, epsilon):
    if op["kind"] not in ("conv", "batchNorm", "linear"):
        return None
    shape = graph[inputs[0]]["shape"]
    if op["kind"] == "batchNorm":
        return nn.BatchNorm2d(shape["channels"], eps=epsilon)
    if op["kind"] == "linear":
        return nn.Linear(shape["channels"] * shape["height"] * shape["width"], op["outputs"])
    return nn.Conv2d(
        shape["channels"], op["outChannels"], tuple(op["kernel"]), op["stride"], tuple(op["pad"]),
        groups=op["groups"], bias=False,
    )


def place(parent, names, module):
    for name in names[:-1]:
        if name not in parent._modules:
            parent.add_module(name, nn.Module())
        parent = parent._modules[name]
    parent.add_module(names[-1], module)


def read_safetensors(file):
    """Tensors by name, in float32: halves are widened, 8-bit weights multiplied by their outputs' factors."""
    data = bytearray(Path(file).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "I8": torch.int8}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data[start + begin:start + end], dtype=types[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    for name in [name for name, tensor in tensors.items() if tensor.dtype == torch.int8]:
        scale = tensors.pop(name + ".scale")
        tensors[name] = tensors[name].float() * scale.reshape([-1] + [1] * (tensors[name].dim() - 1))
    return {name: tensor.float() for name, tensor in tensors.items()}


def load(folder="."):
    """The network in evaluation mode, and its configuration."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    model = IGCNet(config["graph"], config["batch_norm_epsilon"])
    state = read_safetensors(Path(folder) / "model.safetensors")
    for name, buffer in model.named_buffers():  # torch counts batches, which no file of ours has
        if name.endswith("num_batches_tracked"):
            state[name] = buffer
    model.load_state_dict(state)
    return model.eval(), config


def preprocess(image, folder="."):
    """A Pillow image as the network takes it: [1][C][H][W], scaled, cropped at its centre and normalised."""
    p = json.loads((Path(folder) / "preprocessor_config.json").read_text(encoding="utf-8"))
    width, height, share = p["crop_size"]["width"], p["crop_size"]["height"], p["igcnet_crop_share"]
    channels = len(p["image_mean"])
    image = image.convert("RGB" if channels == 3 else "L")
    factor = max(width / image.width, height / image.height) / share
    image = image.resize([round(side * factor) for side in image.size], resample=p["resample"])
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(1, height, width, channels)
    mean, std = (torch.tensor(p[key]).reshape(1, -1, 1, 1) for key in ("image_mean", "image_std"))
    return (pixels.permute(0, 3, 1, 2) * p["rescale_factor"] - mean) / std


if __name__ == "__main__":
    from PIL import Image

    where = sys.argv[2] if len(sys.argv) > 2 else str(Path(__file__).parent)
    network, settings = load(where)
    with torch.no_grad():
        chances = network(preprocess(Image.open(sys.argv[1]), where)).softmax(1)[0]
    for chance, label in sorted(zip(chances.tolist(), settings["id2label"].values()), reverse=True)[:5]:
        print(f"{100 * chance:6.2f}%  {label}")
