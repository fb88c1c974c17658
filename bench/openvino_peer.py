"""OpenVINO's CPU plugin on our ONNX files, timed on request as bench/torch_peer.py; inference only.

Reads {"do": "start", "files": {layout: path}, "shape": [N, C, H, W], "threads": 2} and
{"do": "inference", "layout": ..., "steps": 3}, one JSON object per line.
"""

import json
import sys
import time

import numpy
import openvino


class Peer:
    def start(self, request):
        self.request, self.runners = request, {}
        return {"version": openvino.__version__, "layouts": {"train": [], "inference": list(request["files"])}}

    def runner(self, layout):
        if layout not in self.runners:
            options = {"INFERENCE_NUM_THREADS": self.request["threads"], "PERFORMANCE_HINT": "LATENCY"}
            model = openvino.Core().compile_model(self.request["files"][layout], "CPU", options)
            images = numpy.random.default_rng(0).standard_normal(self.request["shape"], dtype=numpy.float32)
            infer = model.create_infer_request()
            self.runners[layout] = lambda: infer.infer({0: images})
        return self.runners[layout]

    def time(self, layout, steps):
        run, times = self.runner(layout), []
        for _ in range(steps):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        return {"ms": times}


def main():
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        answer = peer.start(request) if request["do"] == "start" else peer.time(request["layout"], request["steps"])
        print(json.dumps(answer), flush=True)


main()
